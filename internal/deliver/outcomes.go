package deliver

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Deliveries are written to their ledgers this many at a time, or after this pause.
const (
	signBatch = 64
	signPause = 5 * time.Millisecond
)

// outcomes writes the outcomes of beacons to their ledgers: deliveries several at a time, all others at
// once. If the disk does not take an outcome, it is written again later.
type outcomes struct {
	claim *spool.Claim
	log   *slog.Logger
	onEnd func(uuid.UUID) // may be nil; called for each beacon that has its outcome, written or not

	arrived []arrivals     // deliveries that are not written yet
	signed  time.Time      // when deliveries were written last
	unsaved []func() error // outcomes that the disk did not take
	noRoom  bool           // the disk is full
}

// arrivals are delivered beacons of one segment, with the same answer.
type arrivals struct {
	detail  string
	entries []spool.Entry
}

func (o *outcomes) arrive(e spool.Entry, detail string) {
	o.ended(e)
	if n := len(o.arrived); n > 0 && o.arrived[n-1].detail == detail && o.arrived[n-1].entries[0].Beside(e) {
		o.arrived[n-1].entries = append(o.arrived[n-1].entries, e)
		return
	}
	o.arrived = append(o.arrived, arrivals{detail, []spool.Entry{e}})
}

func (o *outcomes) bury(e spool.Entry, r warc.Record, as spool.Outcome, reason string) {
	o.ended(e)
	r.Extra = withoutNetwork(r.Extra)
	o.write(func() error { return o.claim.Bury(e, r, as, reason) })
}

func (o *outcomes) buryDamaged(e spool.Entry, damage error) {
	o.ended(e)
	o.write(func() error { return o.claim.BuryDamaged(e, damage) })
}

func (o *outcomes) purge(e spool.Entry) {
	o.ended(e)
	o.write(func() error { return o.claim.Finish(spool.Purged, "", e) })
}

func (o *outcomes) drop(e spool.Entry) {
	o.ended(e)
	o.write(func() error { return o.claim.Finish(spool.Dropped, "", e) })
}

func (o *outcomes) ended(e spool.Entry) {
	if o.onEnd != nil {
		o.onEnd(e.ID)
	}
}

// signDue writes the deliveries if that is due, at once if idle, or returns how long it can wait.
func (o *outcomes) signDue(now time.Time, idle bool) (wait time.Duration) {
	unsigned := 0
	for _, a := range o.arrived {
		unsigned += len(a.entries)
	}
	switch {
	case unsigned == 0:
		return never
	case unsigned < signBatch && !idle && now.Sub(o.signed) < signPause:
		return signPause
	}
	o.sign(now)
	return never
}

// sign writes the deliveries since the last time.
func (o *outcomes) sign(now time.Time) {
	o.signed = now
	for _, a := range o.arrived {
		o.write(func() error { return o.claim.Finish(spool.Delivered, a.detail, a.entries...) })
	}
	o.arrived = o.arrived[:0]
}

// write writes an outcome, now or later if the disk does not take it.
func (o *outcomes) write(outcome func() error) {
	switch err := outcome(); {
	case errors.Is(err, fs.ErrNotExist):
		o.log.Warn("outcome can't be written: the outbox was deleted", "error", err)
	case err != nil:
		o.log.Error("outcome can't be written, will try again", "error", err)
		o.unsaved = append(o.unsaved, outcome)
		o.noRoom = o.noRoom || spool.NoRoom(err)
	}
}

// save writes again what the disk did not take.
func (o *outcomes) save() {
	o.noRoom = false
	o.unsaved = slices.DeleteFunc(o.unsaved, func(outcome func() error) bool {
		err := outcome()
		o.noRoom = o.noRoom || spool.NoRoom(err)
		return err == nil || errors.Is(err, fs.ErrNotExist)
	})
}
