package kafka

import (
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Stats are the state and the counts of a Shipper since it was started.
type Stats struct {
	Connected bool      // whether a broker answered the last request
	Error     string    // why the last attempt failed, with a hint; "" after a success
	Failed    time.Time // when that was

	Acknowledged int64 // records
	Retries      int64 // requests that failed and were made again, and repeated batches
	TooLarge     int64 // records that the log refused for their size; they are in dead/
	Damaged      int64 // damaged places of the inbox; they are in dead/

	Unacknowledged int64         // records under way, at most 32 MiB
	LagRecords     int64         // records that the log has not acknowledged, or -1 while that is not known
	LagBytes       int64         // bytes of the inbox that it has not acknowledged: Backlog
	LagTime        time.Duration // since the oldest of those was received
}

// Stats returns the state and the counts.
func (s *Shipper) Stats() Stats {
	w := &s.window
	w.mu.Lock()
	st := Stats{Acknowledged: w.acked, Unacknowledged: w.records}
	inWindow, reached := w.bytes, w.reached
	var oldest time.Time
	for _, c := range w.chunks {
		if !c.oldest.IsZero() {
			oldest = c.oldest
			break
		}
	}
	w.mu.Unlock()
	st.Retries, st.TooLarge, st.Damaged = s.counts.retries.Load(), s.counts.tooLarge.Load(), s.counts.damaged.Load()
	st.Connected, st.Error, st.Failed, st.Retries = s.state.get(st.Retries)
	bytes, records := s.lag.unread(s.in)
	st.LagBytes, st.LagRecords = inWindow+bytes, records
	if records >= 0 {
		st.LagRecords += st.Unacknowledged
	}
	if oldest.IsZero() && bytes > 0 {
		_, oldest, _ = s.in.Behind(reached)
	}
	if !oldest.IsZero() {
		st.LagTime = max(time.Since(oldest), 0)
	}
	return st
}

// Backlog returns how many bytes of the inbox the log has not acknowledged. It reads no files.
func (s *Shipper) Backlog() int64 {
	bytes, _ := s.lag.unread(s.in)
	s.window.mu.Lock()
	defer s.window.mu.Unlock()
	return s.window.bytes + bytes
}

// A lagMeter counts what of an inbox is not read yet, from what the inbox counts and what was read. At the
// inbox's end it is 0, whatever was deleted meanwhile.
type lagMeter struct {
	mu      sync.Mutex
	bytes   int64 // of the inbox's count that was read
	records int64
	known   bool // whether records is
}

// A mark is the counts of an inbox at a time.
type mark struct{ bytes, records int64 }

func (*lagMeter) mark(in *spool.Inbox) mark {
	_, records := in.Groups()
	return mark{in.Written(), records}
}

// begin sets the meter for a reader that starts at c.
func (l *lagMeter) begin(in *spool.Inbox, c spool.Cursor) error {
	bytes, _, err := in.Behind(c)
	l.bytes = in.Written() - bytes
	return err
}

// read notes that so many bytes and records were read.
func (l *lagMeter) read(bytes int64, records int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += bytes
	l.records += int64(records)
}

// atEnd notes that all was read that the inbox had at the mark.
func (l *lagMeter) atEnd(m mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes, l.records, l.known = m.bytes, m.records, true
}

// unread returns how many bytes and records of the inbox are not read; records is -1 if that is not known.
func (l *lagMeter) unread(in *spool.Inbox) (bytes, records int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.mark(in)
	records = -1
	if l.known {
		records = max(m.records-l.records, 0)
	}
	return max(m.bytes-l.bytes, 0), records
}
