package deliver

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// Other processes' records are found by looking, often while they come.
	pollMin, pollMax = 5 * time.Millisecond, 100 * time.Millisecond
	pollPlenty       = 20 * time.Millisecond // with enough to do
	// So many are looked up at a time, so that a full outbox holds up no answer.
	scanBatch = 256
	// keptRecords is how many of an origin's first are kept in memory between the look
	// and the attempt.
	keptRecords = 512
	keptBytes   = 4 << 20 // of all origins

	// maxAge is how long a beacon is good that does not say so itself.
	maxAge = 24 * time.Hour
)

// noClock is before any time that a clock which is set can show.
var noClock = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// untilScan is how long the next scan can wait.
func (d *Deliverer) untilScan(now time.Time) time.Duration {
	if d.more && !d.plenty() {
		return 0
	}
	return max(d.scanAt.Sub(now), 0)
}

// scan puts the records that have come into the queues. The error is [spool.ErrLost].
func (d *Deliverer) scan(now time.Time) (err error) {
	found := 0
	d.more, err = d.Claim.Scan(func(e spool.Entry, r *warc.Record) bool {
		d.add(e, r)
		found++
		return found < scanBatch
	})
	if errors.Is(err, spool.ErrLost) {
		return err
	}
	d.passOver(err)
	d.poll = min(max(2*d.poll, pollMin), pollMax)
	if found > 0 {
		d.poll = pollMin
	}
	d.scanAt = now.Add(d.poll)
	if d.plenty() {
		// A fast server has had the next look taken by then; behind a slow one there may
		// be beacons for others.
		d.scanAt = now.Add(max(d.poll, pollPlenty))
	}
	return nil
}

// plenty says whether a server that answers has enough to do for now.
func (d *Deliverer) plenty() bool {
	for _, o := range d.origins {
		if o.known && o.failures == 0 && len(o.ready) >= keptRecords-scanBatch {
			return true
		}
	}
	return false
}

func (d *Deliverer) add(e spool.Entry, r *warc.Record) {
	name := originOf(r.Target)
	o := d.origins[name]
	if o == nil {
		o = &origin{name: name}
		d.origins[name] = o
		d.turn = append(d.turn, o)
	}
	expires, err := time.Parse(time.RFC3339Nano, r.Extra.Get(ExpiresField))
	if err != nil {
		expires = r.Date.Add(maxAge)
	}
	if r.Date.Before(noClock) {
		// The clock was not set when it was kept: nobody knows how old it is.
		expires = time.Now().Add(expires.Sub(r.Date))
	}
	p := &parcel{entry: e, origin: o, expires: expires}
	if r.Extra.Get(HonorField) != "" {
		p.trackedAt = r.Date
	}
	if o.failures == 0 && len(o.ready) < keptRecords && d.kept < keptBytes {
		kept := *r
		kept.Request.Body = bytes.Clone(r.Request.Body)
		p.record = &kept
		d.kept += len(kept.Request.Body)
	}
	o.ready = append(o.ready, p)
}

// passOver logs what a Scan passed over, when it is something new.
func (d *Deliverer) passOver(err error) {
	text := fmt.Sprint(err)
	if err != nil && text != d.passed {
		d.Log.Warn("a part of the outbox can't be read, will try again", "error", err)
	}
	d.passed = text
}
