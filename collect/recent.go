package collect

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	recentKept    = 200 // beacons
	recentBytes   = 4 << 20
	recentMinutes = 60
	// recentRoom is how much memory of a beacon is used again for the next: so much can be in
	// all of them.
	recentRoom = recentBytes / recentKept
)

// recent remembers the newest beacons and how many came in each of the last minutes. It is
// told of each before its answer, and reads the inbox only to begin with: to read each record
// back would cost several microseconds more.
type recent struct {
	started time.Time

	mu      sync.Mutex
	records [recentKept][]byte // a ring, of records as they are on disk: number n is at n % recentKept
	kept    int                // how many of them there are, up to the newest
	bytes   int                // of their memory
	number  uint64             // of the newest; they count from 1
	handed  uint64             // the newest that since gave away
	total   uint64             // since the collector started
	minute  int64              // Unix time of the newest minute in minutes, in minutes
	minutes [recentMinutes]int
	added   chan struct{} // closed when beacons were added; nil while nobody waits for any

	done chan struct{} // closed with the collector
}

// newRecent begins with the newest segment, so that a collector that was started again still
// shows what came before.
func newRecent(inbox *spool.Inbox, log *slog.Logger) (*recent, error) {
	rs := &recent{started: time.Now(), done: make(chan struct{})}
	end, err := inbox.End()
	if err != nil {
		return nil, err
	}
	reader := inbox.Reader(spool.Cursor{Segment: end.Segment})
	defer reader.Close()
	for record := []byte(nil); ; {
		it, err := reader.TryNext()
		if err == io.EOF {
			return rs, nil
		}
		if err != nil {
			log.Warn("live view begins without what came before: the inbox can't be read", "error", err)
			return rs, nil
		}
		if it.Damage != nil {
			continue
		}
		if record, err = it.Record.Append(record[:0]); err == nil {
			rs.add(it.Record.Date, record)
		}
	}
}

// add remembers a copy of the record, which is of that date.
func (rs *recent) add(date time.Time, record []byte) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.number++
	if !date.Before(rs.started) {
		rs.total++
	}
	rs.advance(date)
	if age := rs.minute - date.Unix()/60; age >= 0 && age < recentMinutes {
		rs.minutes[recentMinutes-1-age]++
	}
	var room []byte
	for rs.kept == recentKept || rs.bytes+len(record) > recentBytes && rs.kept > 0 {
		number := rs.number - uint64(rs.kept)
		oldest := rs.at(number)
		rs.bytes -= cap(*oldest)
		if number > rs.handed && cap(*oldest) <= recentRoom {
			room = *oldest
		}
		*oldest = nil
		rs.kept--
	}
	newest := append(room[:0], record...)
	*rs.at(rs.number) = newest
	rs.kept++
	rs.bytes += cap(newest)
	if rs.added != nil {
		close(rs.added)
		rs.added = nil
	}
}

func (rs *recent) at(number uint64) *[]byte { return &rs.records[number%recentKept] }

// advance makes the minute of now the newest one.
func (rs *recent) advance(now time.Time) {
	by := now.Unix()/60 - rs.minute
	if by <= 0 {
		return
	}
	n := copy(rs.minutes[:], rs.minutes[min(by, recentMinutes):])
	clear(rs.minutes[n:])
	rs.minute += by
}

// since returns the beacons after number, oldest first, how many more there were that
// are no longer remembered, and the channel that tells of the next.
func (rs *recent) since(number uint64) (beacons []warc.Record, missed uint64, added <-chan struct{}) {
	records, missed, added := rs.recordsSince(number)
	for _, record := range records {
		beacon, _, _ := warc.Parse(record) // what Append wrote can be read
		beacons = append(beacons, beacon)
	}
	return beacons, missed, added
}

func (rs *recent) recordsSince(number uint64) (records [][]byte, missed uint64, added <-chan struct{}) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	n := rs.number - number
	if n > uint64(rs.kept) {
		missed = n - uint64(rs.kept)
		n = uint64(rs.kept)
	}
	for ; n > 0; n-- {
		records = append(records, *rs.at(rs.number - n + 1))
	}
	rs.handed = rs.number
	if rs.added == nil {
		rs.added = make(chan struct{})
	}
	return records, missed, rs.added
}

// before is the number before the last n beacons.
func (rs *recent) before(n int) uint64 {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.number - uint64(min(n, rs.kept))
}

// A counts is what came in each of the last minutes.
type counts struct {
	Now     int64              `json:"now"`     // Unix time of the newest minute, in seconds
	Minutes [recentMinutes]int `json:"minutes"` // oldest first
	Total   uint64             `json:"total"`
	Lost    uint64             `json:"lost"` // preflights whose POST never came
}

func (rs *recent) counts(now time.Time) counts {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.advance(now)
	return counts{Now: rs.minute * 60, Minutes: rs.minutes, Total: rs.total}
}
