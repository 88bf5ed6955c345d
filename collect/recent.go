package collect

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	recentKept    = 200 // beacons
	recentBytes   = 4 << 20
	recentMinutes = 60
)

// recent remembers the newest beacons and how many came in each of the last minutes. It is
// told of each before its answer, and reads the inbox only to begin with: to read each record
// back would cost several microseconds more.
type recent struct {
	started time.Time

	mu      sync.Mutex
	beacons [recentKept]warc.Record // a ring: number n is at n % recentKept
	kept    int                     // how many of them there are, up to the newest
	bytes   int                     // of their bodies
	number  uint64                  // of the newest; they count from 1
	total   uint64                  // since the collector started
	minute  int64                   // Unix time of the newest minute in minutes, in minutes
	minutes [recentMinutes]int
	added   chan struct{} // closed and renewed when beacons were added

	done chan struct{} // closed with the collector
}

// newRecent begins with the newest segment, so that a collector that was started again still
// shows what came before.
func newRecent(inbox *spool.Inbox, log *slog.Logger) (*recent, error) {
	rs := &recent{started: time.Now(), added: make(chan struct{}), done: make(chan struct{})}
	end, err := inbox.End()
	if err != nil {
		return nil, err
	}
	reader := inbox.Reader(spool.Cursor{Segment: end.Segment})
	defer reader.Close()
	for {
		it, err := reader.TryNext()
		if err == io.EOF {
			return rs, nil
		}
		if err != nil {
			log.Warn("live view begins without what came before: the inbox can't be read", "error", err)
			return rs, nil
		}
		if it.Damage == nil {
			rs.add(it.Record)
		}
	}
}

// add remembers a copy of the record.
func (rs *recent) add(r warc.Record) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.number++
	if !r.Date.Before(rs.started) {
		rs.total++
	}
	rs.advance(r.Date)
	if age := rs.minute - r.Date.Unix()/60; age >= 0 && age < recentMinutes {
		rs.minutes[recentMinutes-1-age]++
	}
	r.Request.Body = slices.Clone(r.Request.Body)
	for rs.kept == recentKept || rs.bytes+len(r.Request.Body) > recentBytes && rs.kept > 0 {
		oldest := rs.at(rs.number - uint64(rs.kept))
		rs.bytes -= len(oldest.Request.Body)
		*oldest = warc.Record{}
		rs.kept--
	}
	*rs.at(rs.number) = r
	rs.kept++
	rs.bytes += len(r.Request.Body)
	close(rs.added)
	rs.added = make(chan struct{})
}

func (rs *recent) at(number uint64) *warc.Record { return &rs.beacons[number%recentKept] }

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
	rs.mu.Lock()
	defer rs.mu.Unlock()
	n := rs.number - number
	if n > uint64(rs.kept) {
		missed = n - uint64(rs.kept)
		n = uint64(rs.kept)
	}
	for ; n > 0; n-- {
		beacons = append(beacons, *rs.at(rs.number - n + 1))
	}
	return beacons, missed, rs.added
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
