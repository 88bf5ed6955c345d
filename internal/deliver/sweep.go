package deliver

import (
	"container/heap"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// sweepPause is how long something can be overdue that waits for its turn.
const sweepPause = 10 * time.Second

// sweep ends what waits and need not any more: at once what is from before the user
// forbade tracking, of programs that honor that, and is not kept; now and then what has
// expired, as its turn may be far off.
func (d *Deliverer) sweep(now time.Time) {
	forbidden := spool.TrackingForbidden(d.Claim.Dir())
	expiring := now.Sub(d.swept) >= sweepPause
	if !expiring && forbidden.IsZero() {
		return
	}
	if expiring {
		d.swept = now
	}
	ended := func(p *parcel) bool {
		switch {
		case !p.trackedAt.IsZero() && !p.trackedAt.After(forbidden):
			d.outcomes.purge(p.entry)
			d.forget(p)
			return true
		case expiring && !p.expires.After(now):
			return d.expire(p)
		}
		return false
	}
	for _, o := range d.origins {
		o.ready = slices.DeleteFunc(o.ready, ended)
		o.later = slices.DeleteFunc(o.later, ended)
		heap.Init(&o.later)
	}
	if expiring {
		// An origin that nothing waits for is forgotten with its failures.
		d.turn = slices.DeleteFunc(d.turn, func(o *origin) bool {
			if o.waiting() > 0 || o.inFlight > 0 || o.notBefore.After(now) {
				return false
			}
			delete(d.origins, o.name)
			return true
		})
	}
}

// expire buries a beacon, and says whether that could be done.
func (d *Deliverer) expire(p *parcel) bool {
	record, err := d.Claim.Read(p.entry)
	if err != nil {
		return false
	}
	d.Log.Warn("beacon expired", "id", p.entry.ID, "origin", p.origin.name)
	d.outcomes.bury(p.entry, record, spool.Expired, "")
	d.forget(p)
	return true
}
