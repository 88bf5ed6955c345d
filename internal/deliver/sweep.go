package deliver

import (
	"container/heap"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// sweepPause is the time between two looks for expired beacons.
const sweepPause = 10 * time.Second

// sweep ends beacons that wait and need not any more: at once those that were sent before the user forbade
// tracking, of programs that honor that; every sweepPause those that have expired. Beacons that expire
// soon get their last chance.
func (d *Deliverer) sweep(now time.Time) {
	forbidden := spool.TrackingForbidden(d.Claim.Dir())
	expiring := now.Sub(d.swept) >= sweepPause
	forbidding := forbidden.After(d.forbidden)
	if !expiring && !forbidding {
		return
	}
	d.forbidden = forbidden
	if expiring {
		d.swept = now
	}
	ends := func(w *waiting) bool {
		switch {
		case forbidding && w.tracked && d.purge(*w):
			return true
		case expiring && !w.expiresAt().After(now):
			return d.expire(*w)
		}
		return false
	}
	for name, o := range d.schedule.origins {
		lanes := o.lanes[:0]
		for _, l := range o.lanes {
			l.sweep(d.schedule, now, ends)
			if l.size > 0 || l.inFlight > 0 || l.down && l.notBefore.After(now) || !expiring {
				lanes = append(lanes, l)
			}
		}
		clear(o.lanes[len(lanes):])
		o.lanes = lanes
		d.schedule.put(o, now)
		if len(lanes) == 0 && !o.notBefore.After(now) && expiring {
			delete(d.schedule.origins, name)
		}
	}
}

// sweep removes the beacons that end, and moves those that expire soon to expiring, if the lane can't send
// them now.
func (l *lane) sweep(s *schedule, now time.Time, ends func(*waiting) bool) {
	blocked := !s.eager && l.blocked()
	soon := now.Add(lastChance + sweepPause)
	var expiring []waiting
	del := func(w *waiting) bool {
		switch {
		case ends(w):
			l.size--
			s.waiting--
			return true
		case blocked && w.expiresAt().Before(soon):
			expiring = append(expiring, *w)
			return true
		}
		return false
	}
	l.ready.deleteFunc(del)
	kept := l.aside[:0]
	for _, w := range l.aside {
		if !del(&w) {
			kept = append(kept, w)
		}
	}
	l.aside = kept
	heap.Init(&l.aside)
	blocked = false
	l.expiring.deleteFunc(del)
	for _, w := range expiring {
		l.expiring.add(w)
	}
}

// purge ends a beacon if it was sent before tracking was forbidden, and reports whether it did.
func (d *Deliverer) purge(w waiting) bool {
	e, record, err := d.Claim.Take(w.place)
	if err != nil || record.Date.After(d.forbidden) {
		return false
	}
	d.outcomes.purge(e)
	return true
}

// mustPurge reports whether the beacon of an attempt was sent before tracking was forbidden.
func (d *Deliverer) mustPurge(a *attempt) bool {
	return a.waiting.tracked && a.damage == nil && !a.record.Date.After(d.forbidden)
}

// expire buries a beacon, and reports whether it could.
func (d *Deliverer) expire(w waiting) bool {
	e, record, err := d.Claim.Take(w.place)
	if err != nil {
		return false
	}
	d.lost.add(&record, spool.Expired)
	d.Log.Warn("beacon expired", "id", e.ID, "url", record.Target)
	d.outcomes.bury(e, record, spool.Expired, "")
	return true
}
