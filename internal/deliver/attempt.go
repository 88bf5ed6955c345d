package deliver

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An attempt is the sending of one beacon, and its result.
type attempt struct {
	lane    *lane
	waiting waiting
	began   time.Time
	class   class // of its slot

	unproven    bool // the lane was unproven when the attempt began
	laneRound   int  // the lane's round then
	originRound int  // the origin's round then

	entry   spool.Entry
	record  warc.Record
	damage  error // the record could not be read
	unready error // the request can't be made now
	purged  bool  // its beacon is not to be sent: tracking was forbidden after it was posted
	request fetch.Request
	reports loss // in the request's header

	ctx         context.Context
	cancel      context.CancelFunc
	written     atomic.Bool  // the whole request was written
	connections atomic.Int32 // new ones that were made for it
	response    fetch.Response
	err         error

	cut      bool // it was cut short, because others waited
	timedOut bool // it was cut short, because it took attemptTime
	dropped  bool // its beacon is not to be sent again
}

// connectionsMost is how many new connections an attempt can make, redirects included.
const connectionsMost = 25

// start begins the attempts whose time has come. With own set, the first of them is returned, for the worker
// that calls; each of the others gets a worker. wait is how long the next attempt can wait: never, if only an
// answer can change anything.
func (d *Deliverer) start(now time.Time, own bool) (first *attempt, wait time.Duration) {
	wait = never
	until := func(at time.Time) {
		if !at.IsZero() {
			wait = min(wait, max(at.Sub(now), 0))
		}
	}
	// Outcomes that can't be written would have their beacons sent again by each later run.
	for !d.outcomes.noRoom {
		a, at := d.schedule.next(now)
		if a == nil {
			until(at)
			break
		}
		switch {
		case !a.waiting.expiresAt().After(now) && d.expire(a.waiting):
			d.schedule.ended(a)
			d.schedule.put(a.lane.origin, now)
		case !d.prepare(a):
			d.settle(a, now)
		case own && first == nil:
			first = a
		default:
			go d.work(d.run, a)
		}
	}
	until(d.schedule.cut(now))
	return first, wait
}

// prepare makes the request of an attempt. It returns false if the beacon can't or may not be sent.
func (d *Deliverer) prepare(a *attempt) bool {
	a.cancel = func() {}
	if a.entry, a.record, a.damage = d.Claim.Take(a.waiting.place); a.damage != nil {
		return false
	}
	if a.purged = d.mustPurge(a); a.purged { // the sweep could not read it
		return false
	}
	a.request = request(a.record, d.Program.network(a.lane))
	if a.reports = d.lost.report(a); a.reports != (loss{}) {
		a.request.Header.Set(LostHeader, a.reports.header())
	}
	// Without a common parent, which would keep a list of all contexts.
	a.ctx = httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { a.written.Store(info.Err == nil) },
		GotConn: func(info httptrace.GotConnInfo) {
			// net/http tries again, without a pause, on a connection that the server closes before it has
			// taken the request.
			if !info.Reused && a.connections.Add(1) > connectionsMost {
				a.cancel()
			}
		},
	})
	a.ctx, a.cancel = context.WithCancel(a.ctx)
	return true
}

// work makes one attempt after the other, as long as the next one can follow at once.
func (d *Deliverer) work(r *run, a *attempt) {
	for a != nil {
		// Here, without the run's mutex: a file system can be slow.
		if a.unready = addFiles(&a.request, a.record.Extra); a.unready == nil {
			a.response, a.err = d.Fetch(a.ctx, a.request)
		}
		a.cancel()
		a = d.next(r, a)
	}
}

// next settles an attempt, and returns the next one for its worker, or nil.
func (d *Deliverer) next(r *run, ended *attempt) (next *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil // it was abandoned
	}
	now := time.Now()
	if d.settle(ended, now) {
		d.lastSuccess = now
	}
	// First the outcomes: nothing begins while they can't be written.
	wait := d.outcomes.signDue(now, len(d.schedule.attempts) == 0)
	if !r.ending {
		var untilAttempt time.Duration
		next, untilAttempt = d.start(now, true)
		wait = min(wait, untilAttempt)
	}
	if next == nil || now.Add(wait).Before(r.wakeAt) {
		select {
		case r.poke <- struct{}{}:
		default: // it will run
		}
	}
	return next
}
