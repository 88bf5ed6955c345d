package collect

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	recentKept  = 200 // beacons
	recentBytes = 4 << 20
	// recentRoom is the largest buffer that is used again for another beacon. All buffers of this
	// size together have recentBytes.
	recentRoom = recentBytes / recentKept
)

// recent holds the newest beacons and the number of beacons in each of the last minutes, of all streams
// and of each. The collector adds each beacon before it answers. recent reads the inbox only at the start,
// because reading each record back would cost several microseconds more.
type recent struct {
	started time.Time

	mu      sync.Mutex
	records [recentKept][]byte // a ring of records as they are on disk: number n is at n % recentKept
	kept    int                // records in the ring
	bytes   int                // capacity of their buffers
	number  uint64             // of the newest record; the first has 1
	handed  uint64             // the newest number that recordsSince has returned
	all     minuteCounts
	streams streamCounts
	added   chan struct{} // closed when beacons were added; nil while no goroutine waits

	done chan struct{} // closed when the collector closes
}

// newRecent reads the newest segment, so that the live view shows older beacons after a restart.
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
			log.Warn("live view starts empty", "error", err)
			return rs, nil
		}
		if it.Damage != nil || it.Record.Extra.Get(row.ImportedField) != "" { // an import is not news, whatever its date
			continue
		}
		if record, err = it.Record.Append(record[:0]); err == nil {
			stream, _ := row.Target(it.Record.Request.Target)
			rs.add(it.Record.Date, stream, record)
		}
	}
}

// add adds a copy of the record. date is when it was received.
func (rs *recent) add(date time.Time, stream string, record []byte) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.number++
	minute, isNew := date.Unix()/60, !date.Before(rs.started)
	rs.all.add(minute, isNew)
	rs.streams.add(stream, minute, isNew)
	if len(record) > recentBytes { // it is not shown, and counts as missed
		rs.forget()
		return
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

// clear removes the beacons and the counts of each stream, whose name may be a reason to erase it. It keeps the
// counts of all streams together.
func (rs *recent) clear() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.forget()
	rs.streams = streamCounts{uncounted: rs.all.total}
}

func (rs *recent) forget() {
	clear(rs.records[:])
	rs.kept, rs.bytes = 0, 0
}

func (rs *recent) at(number uint64) *[]byte { return &rs.records[number%recentKept] }

// since returns the beacons after number, oldest first. missed is how many more there were that
// the ring has lost. added is closed when the next beacon is added.
func (rs *recent) since(number uint64) (beacons []warc.Record, missed uint64, added <-chan struct{}) {
	records, missed, added := rs.recordsSince(number)
	for _, record := range records {
		beacon, _, _ := warc.Parse(record) // a record that Append wrote always parses
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

// before returns the number of the record before the last n beacons.
func (rs *recent) before(n int) uint64 {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.number - uint64(min(n, rs.kept))
}

// counts are the numbers of beacons in the last minutes, as JSON.
type counts struct {
	Started   string                `json:"started"` // when the collector started, as received_at of a row
	Now       int64                 `json:"now"`     // Unix time of the newest minute, in seconds
	Minutes   [recentMinutes]uint32 `json:"minutes"` // oldest first
	Total     uint64                `json:"total"`
	Uncounted uint64                `json:"uncounted"` // beacons that may match, as they are not counted by stream
	Lost      uint64                `json:"lost"`      // preflights without a POST after them
}

// counts returns the counts of the streams that match, or of all streams if match is nil.
func (rs *recent) counts(now time.Time, match func(stream string) bool) counts {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.all.advance(now.Unix() / 60)
	sum, uncounted := rs.all, uint64(0)
	if match != nil {
		sum, uncounted = rs.streams.sum(match, rs.all.newest), rs.streams.uncounted
	}
	return counts{Started: rs.started.UTC().Format(row.TimeLayout), Now: sum.newest * 60, Minutes: sum.minutes, Total: sum.total, Uncounted: uncounted}
}
