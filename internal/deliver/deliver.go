// Package deliver carries beacons from an outbox to their servers: the oldest of each
// origin first, again after a failure, until they arrive, are refused, or expire.
package deliver

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// PerOrigin is how many beacons are under way to one origin at a time, on half as
	// many connections: so a connection that is free finds the next one waiting.
	PerOrigin   = 16
	connections = PerOrigin / 2
	// unknown is how many are while an origin has not answered yet.
	unknown = 1
	// inAll is how many are under way to all of them.
	inAll, inAllEager = 128, 1024
	// attemptTime bounds one attempt, from the look-up of the name to the answer.
	attemptTime = 30 * time.Second
	// abandonTime bounds the wait for the attempts that were cancelled.
	abandonTime = 2 * time.Second

	// never is longer than anybody waits.
	never time.Duration = math.MaxInt64
)

// A Deliverer drains one outbox.
type Deliverer struct {
	Claim *spool.Claim
	// Fetch sends one request; an error is a network error.
	Fetch func(context.Context, fetch.Request) (fetch.Response, error)
	// Idle is how long Run stays when nothing waits; 0 is for ever.
	Idle time.Duration
	// Patience is how long Run goes on without one success while something waits;
	// 0 is for ever.
	Patience time.Duration
	// Eager has each beacon tried at once when it comes, as a page's are, however many are
	// under way and whatever became of others.
	Eager bool
	// OnAttempt, if not nil, is called after every attempt, whatever came of it.
	OnAttempt func()
	// OnEnd, if not nil, is called when a beacon's way has ended, however it ended.
	OnEnd func(id uuid.UUID)
	// Wake, if not nil, says that there may be new records.
	Wake <-chan struct{}
	Log  *slog.Logger

	run
}

// A run is the state of one Run.
type run struct {
	origins  map[string]*origin
	turn     []*origin // whose turn it is, round robin
	inFlight int
	results  chan result
	outcomes outcomes

	poll   time.Duration // until the next scan
	scanAt time.Time     // when that is
	more   bool          // the last one did not show all
	passed string        // what it passed over, to say it once
	kept   int           // bytes of the bodies in memory that wait
	swept  time.Time     // when the queues were last searched for what has expired

	lastLook    time.Time // at the clock
	lastBusy    time.Time // when something waited
	lastSuccess time.Time // or when nothing waited
}

type result struct {
	parcel   *parcel
	record   warc.Record
	response fetch.Response
	err      error
	damage   error // the record could not be read
}

// Run delivers until nothing has waited for Idle, or nothing was delivered for Patience,
// or ctx is done; what is under way then is waited for no longer. It says whether
// anything is left.
func (d *Deliverer) Run(ctx context.Context) (left bool, err error) {
	d.begin(time.Now())
	attempts, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		d.awake(now)
		if d.untilScan(now) <= 0 {
			if err := d.scan(now); err != nil {
				d.abandon(cancel)
				return false, err
			}
			d.sweep(now)
			d.outcomes.save()
		}
		wait := min(d.outcomes.signDue(now, d.inFlight == 0), d.start(attempts, now), d.untilScan(now))
		left := d.left(now)
		if d.Idle > 0 && now.Sub(d.lastBusy) >= d.Idle || d.Patience > 0 && now.Sub(d.lastSuccess) >= d.Patience {
			d.abandon(cancel)
			return left, nil
		}
		timer.Reset(wait)
		select {
		case r := <-d.results:
			if d.settleAll(r) {
				d.lastSuccess = now
			}
		case <-timer.C:
		case <-d.Wake:
			d.scanAt = time.Time{}
		case <-ctx.Done():
			d.abandon(cancel)
			return left, nil
		}
	}
}

func (d *Deliverer) begin(now time.Time) {
	d.run = run{
		origins:  map[string]*origin{},
		results:  make(chan result, d.most()),
		outcomes: outcomes{claim: d.Claim, log: d.Log, onEnd: d.OnEnd},
		lastLook: now, lastBusy: now, lastSuccess: now,
	}
}

// awake leaves out the time in which we were stopped, or the machine slept: that is no time
// without a server.
func (d *Deliverer) awake(now time.Time) {
	if pause := now.Sub(d.lastLook); pause > time.Second {
		d.lastSuccess, d.lastBusy = d.lastSuccess.Add(pause), d.lastBusy.Add(pause)
	}
	d.lastLook = now
}

// left says whether anything waits for its outcome still, and notes when.
func (d *Deliverer) left(now time.Time) bool {
	if d.more || d.inFlight > 0 || len(d.outcomes.unsaved) > 0 || d.waiting() > 0 {
		d.lastBusy = now
		return true
	}
	d.lastSuccess = now
	clear(d.origins)
	d.turn = nil
	return false
}

func (d *Deliverer) waiting() (n int) {
	for _, o := range d.origins {
		n += o.waiting()
	}
	return n
}

// abandon ends the attempts that are under way; their beacons stay pending. An attempt
// that does not end at once is not waited for.
func (d *Deliverer) abandon(cancel context.CancelFunc) {
	cancel()
	for patience := time.After(abandonTime); d.inFlight > 0; {
		select {
		case r := <-d.results:
			d.settle(r)
		case <-patience:
			d.inFlight = 0
		}
	}
	d.outcomes.sign(time.Now())
	d.outcomes.save()
}

// most is how many are under way at a time.
func (d *Deliverer) most() int {
	if d.Eager {
		return inAllEager
	}
	return inAll
}
