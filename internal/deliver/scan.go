package deliver

import (
	"bytes"
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
	// keptRecords and keptMost bound the records that are kept in memory from the look to the attempt:
	// their number, and the bytes of their bodies.
	keptRecords = 1024
	keptMost    = 4 << 20

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
	return len(d.kept) >= scanBatch/2 && d.schedule.slots[classProven] > 0
}

// scan adds the records that have come to the schedule. The error is [spool.ErrLost].
func (d *Deliverer) scan(now time.Time) (err error) {
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
	l := d.schedule.add(r, w, now)
	if !l.down && l.origin.failures == 0 && l.ready.len() <= keptRecords/2 && len(d.kept) < keptRecords && d.keptBytes < keptMost {
		kept := keptRecord{e, *r}
		kept.record.Request.Body = bytes.Clone(r.Request.Body)
		d.kept[w.place] = kept
		d.keptBytes += len(kept.record.Request.Body)
	}
}

// passOver logs which segments a scan passed over, if that is new.
func (d *Deliverer) passOver(err error) {
	text := fmt.Sprint(err)
	if err != nil && text != d.passed {
		d.Log.Warn("a part of the outbox can't be read, will try again", "error", err)
	}
	d.passed = text
}
