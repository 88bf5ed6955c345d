package deliver

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// Records of other processes are found by looking. The pauses between two looks, while records come
	// and while none come.
	pollMin, pollMax = 5 * time.Millisecond, 100 * time.Millisecond
	// scanBatch is how many records one look takes, so that a full outbox delays no answer. While enough
	// is ready to be sent, the next look waits for scanPause.
	scanBatch = 512
	scanPause = 4 * time.Millisecond
	// scanFirst is how long the looks go on before the first attempt.
	scanFirst = 10 * time.Millisecond

	// maxAge is the age at which a beacon expires that has no time of its own.
	maxAge = 24 * time.Hour
)

// noClock is before any time of a clock that is set.
var noClock = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// untilScan returns how long the next scan can wait.
func (d *Deliverer) untilScan(now time.Time) time.Duration {
	if d.more && !d.plenty() {
		return 0
	}
	return max(d.scanAt.Sub(now), 0)
}

// plenty reports whether enough is ready for servers that answer.
func (d *Deliverer) plenty() bool {
	return d.schedule.waiting >= scanBatch/2 && d.schedule.slots[classProven] > 0
}

// scan adds the records that have come to the schedule. The error is [spool.ErrLost].
func (d *Deliverer) scan(now time.Time) error {
	for {
		if err := d.scanSome(now); err != nil {
			return err
		}
		// While nothing is under way, a longer scan delays no answer. It delays the first attempts, which then
		// include the newest origin.
		if !d.more || len(d.schedule.attempts) > 0 || time.Since(now) >= scanFirst {
			return nil
		}
	}
}

// scanSome adds at most scanBatch records.
func (d *Deliverer) scanSome(now time.Time) (err error) {
	found := 0
	d.more, err = d.Claim.Scan(func(e spool.Entry, r *warc.Record) bool {
		d.add(e, r, now)
		found++
		return found < scanBatch
	})
	if errors.Is(err, spool.ErrLost) {
		return err
	}
	if d.onScan != nil {
		d.onScan(d.schedule.waiting + len(d.schedule.attempts))
	}
	d.passOver(err)
	if !d.more { // it takes some 60 ms, and would delay the first deliveries
		if err := d.Claim.Merge(); err != nil {
			d.Log.Warn("small segments can't be merged, will try again", "error", err)
		}
	}
	d.poll = min(max(2*d.poll, pollMin), pollMax)
	if found > 0 {
		d.poll = pollMin
	}
	d.scanAt = now.Add(d.poll)
	if d.more && d.plenty() {
		d.scanAt = now.Add(scanPause)
	}
	return nil
}

func (d *Deliverer) add(e spool.Entry, r *warc.Record, now time.Time) {
	if !knownFormat(r) {
		if !d.newer {
			d.Log.Warn("outbox has beacons that a newer version wrote, which this one leaves to it", "outbox", d.Claim.Dir())
		}
		d.newer = true
		return
	}
	if !d.Base && r.Extra.Get(BaseField) != "" {
		d.newer = true
		return
	}
	expires, err := time.Parse(time.RFC3339Nano, r.Extra.Get(ExpiresField))
	if err != nil {
		expires = r.Date.Add(maxAge)
	}
	if r.Date.Before(noClock) {
		// The clock was not set when it was sent, so its age is unknown.
		expires = now.Add(expires.Sub(r.Date))
	}
	w := waiting{place: e.Place(), expires: uint32(min(max(expires.Unix(), 0), math.MaxUint32)), tracked: r.Extra.Get(HonorField) != ""}
	if w.tracked && !r.Date.After(d.forbidden) {
		d.outcomes.purge(e)
		return
	}
	d.schedule.add(r, w, now)
}

// passOver logs which segments a scan passed over, if that is new.
func (d *Deliverer) passOver(err error) {
	text := fmt.Sprint(err)
	if err != nil && text != d.passed {
		d.Log.Warn("a part of the outbox can't be read, will try again", "error", err)
	}
	d.passed = text
}
