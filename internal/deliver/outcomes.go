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

// What arrived is signed for so many at a time, or after so long.
const (
	signBatch = PerOrigin
	signPause = 5 * time.Millisecond
)

// outcomes are what became of beacons, on the way to their ledgers: what arrived is written
// down some at a time, all else at once, and again until the disk takes it.
type outcomes struct {
	claim *spool.Claim
	log   *slog.Logger
	onEnd func(uuid.UUID) // nil, or told of each beacon that has its outcome, written or not

	arrived []arrivals     // and not signed for
	signed  time.Time      // when that was done last
	unsaved []func() error // that the disk did not take yet
	noRoom  bool           // and it takes none at all
}

// arrivals are beacons of one segment that arrived, with what their server said.
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

func (o *outcomes) ended(e spool.Entry) {
	if o.onEnd != nil {
		o.onEnd(e.ID)
	}
}

// signDue signs for what arrived if that is due, at once where nothing else is under way, or
// says how long it can wait.
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

// sign writes down what arrived since the last time.
func (o *outcomes) sign(now time.Time) {
	o.signed = now
	for _, a := range o.arrived {
		o.write(func() error { return o.claim.Finish(spool.Delivered, a.detail, a.entries...) })
	}
	o.arrived = o.arrived[:0]
}

// write writes an outcome down, now or when the disk takes it.
func (o *outcomes) write(outcome func() error) {
	switch err := outcome(); {
	case errors.Is(err, fs.ErrNotExist):
		o.log.Warn("outcome has no place any more: the outbox was deleted", "error", err)
	case err != nil:
		o.log.Error("outcome can't be written down, will try again", "error", err)
		o.unsaved = append(o.unsaved, outcome)
		o.noRoom = o.noRoom || spool.NoRoom(err)
	}
}

// save tries again to write down what the disk did not take.
func (o *outcomes) save() {
	o.noRoom = false
	o.unsaved = slices.DeleteFunc(o.unsaved, func(outcome func() error) bool {
		err := outcome()
		o.noRoom = o.noRoom || spool.NoRoom(err)
		return err == nil || errors.Is(err, fs.ErrNotExist)
	})
}
