package deliver

import (
	"context"
	"time"
)

// start begins the attempts whose time has come, one origin after the other, and returns how
// long the next can wait: for ever, where only an answer can change anything.
func (d *Deliverer) start(ctx context.Context, now time.Time) time.Duration {
	if d.outcomes.noRoom {
		// What can't be written down would be sent again by the next run, and the next.
		return never
	}
	most, wait := d.most(), never
	for busy := true; busy && d.inFlight < most; {
		busy, wait = false, never
		if len(d.turn) > 1 {
			d.turn = append(d.turn[1:], d.turn[0])
		}
		for _, o := range d.turn {
			p, at := o.next(now, d.Eager)
			if p == nil {
				if !at.IsZero() {
					wait = min(wait, max(at.Sub(now), 0))
				}
				continue
			}
			busy = true
			if !p.expires.After(now) && d.expire(p) {
				continue
			}
			p.round = o.failures
			o.inFlight++
			d.inFlight++
			d.attempt(ctx, p)
			if d.inFlight == most {
				break
			}
		}
	}
	return wait
}

// attempt begins one; its end comes as a result.
func (d *Deliverer) attempt(ctx context.Context, p *parcel) {
	r := result{parcel: p}
	if p.record != nil {
		r.record = *p.record
		d.forget(p)
	} else if r.record, r.damage = d.Claim.Read(p.entry); r.damage != nil {
		d.results <- r // has room for all that are under way
		return
	}
	results := d.results // of this Run: one that is abandoned can end in the next
	go func() {
		ctx, cancel := context.WithTimeout(ctx, attemptTime)
		defer cancel()
		r.response, r.err = d.Fetch(ctx, request(r.record))
		results <- r
	}()
}

// forget is for a parcel whose record needs not be kept in memory any more.
func (d *Deliverer) forget(p *parcel) {
	if p.record != nil {
		d.kept -= len(p.record.Request.Body)
		p.record = nil
	}
}
