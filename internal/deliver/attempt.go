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

// An attempt is one beacon under way, and then what became of it.
type attempt struct {
	lane    *lane
	waiting waiting
	began   time.Time
	class   class // that its slot is of

	unproven    bool // its lane was
	laneRound   int  // its lane's and its origin's, when it began
	originRound int
	cancel      context.CancelFunc
	cut         bool // it was cut short, because others waited
	timedOut    bool // it was cut short, because it took attemptTime
	dropped     bool // its beacon is not to be sent again
	purged      bool // its beacon is not to be sent: tracking was forbidden after it was posted

	reports loss // in its request's header

	entry    spool.Entry
	record   warc.Record
	damage   error       // the record could not be read
	written  atomic.Bool // the request was, as a whole
	response fetch.Response
	err      error
}

// start begins the attempts whose time has come, and returns how long the next can wait: never, if only
// an answer can change anything.
func (d *Deliverer) start(now time.Time) time.Duration {
	if d.outcomes.noRoom {
		// Outcomes that can't be written would have their beacons sent again by each later run.
		return never
	}
	wait := never
	until := func(at time.Time) {
		if !at.IsZero() {
			wait = min(wait, max(at.Sub(now), 0))
		}
	}
	for {
		a, at := d.schedule.next(now)
		if a == nil {
			until(at)
			break
		}
		if !a.waiting.expiresAt().After(now) && d.expire(a.waiting) {
			d.schedule.ended(a)
			d.schedule.put(a.lane.origin, now)
			continue
		}
		d.attempt(a)
	}
	until(d.schedule.cut(now))
	return wait
}

// attempt sends a request. Its end comes as a result.
func (d *Deliverer) attempt(a *attempt) {
	results := d.results // of this Run: an attempt that is abandoned can end in the next one
	a.cancel = func() {}
	if a.entry, a.record, a.damage = d.Claim.Take(a.waiting.place); a.damage != nil {
		results <- a // has room for all that are under way
		return
	}
	if d.mustPurge(a) { // the sweep could not read it
		a.purged = true
		results <- a
		return
	}
	// A context of the Run would have to know all of these.
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { a.written.Store(info.Err == nil) },
	})
	ctx, a.cancel = context.WithCancel(ctx)
	q := request(a.record, d.Program.network(a.lane))
	if a.reports = d.lost.report(a); a.reports != (loss{}) {
		q.Header.Set(LostHeader, a.reports.header())
	}
	j := job{ctx, a, q, results}
	select {
	case d.jobs <- j:
	default: // no worker is free
		go d.work(j, d.jobs)
	}
}

// A job is the request of an attempt.
type job struct {
	ctx     context.Context
	attempt *attempt
	request fetch.Request
	results chan<- *attempt
}

// work sends requests until the channel is closed. New goroutines for each would have to grow their stacks.
func (d *Deliverer) work(j job, more <-chan job) {
	for ok := true; ok; j, ok = <-more {
		j.attempt.response, j.attempt.err = d.Fetch(j.ctx, j.request)
		j.attempt.cancel()
		j.results <- j.attempt
	}
}
