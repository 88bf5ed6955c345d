// Package deliver sends the beacons of an outbox to their servers, and sends them again after a failure,
// until they are delivered, are refused, or expire. schedule.go decides which beacon is next; lane.go and
// origin.go decide what a failure delays.
package deliver

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// attemptTime bounds one attempt, from the look-up of the name to the answer.
	attemptTime = 30 * time.Second
	// abandonTime bounds the wait for attempts that were cancelled.
	abandonTime = 2 * time.Second

	// newerTime is how long a run goes on beside records of a newer format. Then a program that knows it can
	// have the lock.
	newerTime = time.Minute

	never time.Duration = math.MaxInt64
)

// A Deliverer drains one outbox.
type Deliverer struct {
	Claim *spool.Claim
	// Fetch sends one request; an error is a network error.
	Fetch func(context.Context, fetch.Request) (fetch.Response, error)
	// Program is the one that started the deliverer.
	Program Program
	// Idle is how long Run waits for new beacons when it has none. 0 means without end.
	Idle time.Duration
	// Patience is how long Run continues without a success while beacons wait. 0 means without end.
	Patience time.Duration
	// Stay, if not nil, is called before a Run ends because of Idle or Patience. If it returns true, the Run
	// goes on for the same time.
	Stay func() bool
	// Eager means that each beacon is tried at once when it comes, as a page's beacons are, however many
	// are under way and however others ended.
	Eager bool
	// OnAttempt, if not nil, is called after each attempt.
	OnAttempt func()
	// OnEnd, if not nil, is called when a beacon has its outcome.
	OnEnd func(id uuid.UUID)
	// Wake, if not nil, has a value when there may be new records.
	Wake <-chan struct{}
	Log  *slog.Logger

	random *rand.Rand        // of delays and choices; tests set it
	onScan func(waiting int) // may be nil; tests set it
	run
}

// A run is the state of one Run.
type run struct {
	schedule *schedule
	waits    *waits
	lost     *lost
	jobs     chan job // to idle workers
	results  chan *attempt
	outcomes outcomes

	began time.Time
	newer bool // there are records of a newer format

	poll      time.Duration // until the next scan
	scanAt    time.Time     // when that is
	more      bool          // the last one did not show all
	passed    string        // the segments that it passed over
	swept     time.Time     // the last look for expired beacons
	forbidden time.Time     // when tracking was forbidden, at the last sweep

	lastLook    time.Time // at the clock
	lastBusy    time.Time // when something waited
	lastSuccess time.Time // or when nothing waited
}

// Run delivers until no beacon has waited for Idle, or none was delivered or refused for Patience, or ctx
// is done. It cancels the attempts that are under way then. It returns whether beacons are left. The error
// is [spool.ErrLost].
func (d *Deliverer) Run(ctx context.Context) (left bool, err error) {
	d.begin(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		d.awake(now)
		if d.untilScan(now) <= 0 {
			if err := d.scan(now); err != nil {
				d.abandon()
				return false, err
			}
			if err := d.obey(now); err != nil {
				d.abandon()
				return false, err
			}
			d.sweep(now)
			d.outcomes.save()
			d.lost.save()
			if d.waits.due(now) {
				d.waits.write(d.schedule, now)
			}
		}
		wait := min(d.outcomes.signDue(now, len(d.schedule.attempts) == 0), d.start(now), d.untilScan(now))
		left := d.left(now)
		if d.ends(now) {
			d.abandon()
			return left, nil
		}
		timer.Reset(wait)
		select {
		case a := <-d.results:
			if d.settleAll(a) {
				d.lastSuccess = now
			}
		case <-timer.C:
		case <-d.Wake:
			d.scanAt = time.Time{}
		case <-ctx.Done():
			d.abandon()
			return left, nil
		}
	}
}

func (d *Deliverer) begin(now time.Time) {
	w := loadWaits(d.Claim.Dir(), now)
	d.run = run{
		schedule:  newSchedule(d.Eager, now, d.random, w),
		waits:     w,
		lost:      loadLost(d.Claim.Dir()),
		jobs:      make(chan job),
		results:   make(chan *attempt, slotsEager),
		outcomes:  outcomes{claim: d.Claim, log: d.Log, onEnd: d.OnEnd},
		forbidden: spool.TrackingForbidden(d.Claim.Dir()),
		began:     now, lastLook: now, lastBusy: now, lastSuccess: now,
	}
}

// ends reports whether the run is over.
func (d *Deliverer) ends(now time.Time) bool {
	if d.newer && !d.Eager && now.Sub(d.began) >= newerTime {
		return true
	}
	if (d.Idle == 0 || now.Sub(d.lastBusy) < d.Idle) && (d.Patience == 0 || now.Sub(d.lastSuccess) < d.Patience) {
		return false
	}
	if d.Stay == nil || !d.Stay() {
		return true
	}
	d.lastBusy, d.lastSuccess = now, now
	return false
}

// awake does not count the time in which the process was stopped, or the machine slept.
func (d *Deliverer) awake(now time.Time) {
	if pause := now.Sub(d.lastLook); pause > time.Second {
		d.lastSuccess, d.lastBusy = d.lastSuccess.Add(pause), d.lastBusy.Add(pause)
	}
	d.lastLook = now
}

// left reports whether a beacon still waits for its outcome, and notes when.
func (d *Deliverer) left(now time.Time) bool {
	if d.more || len(d.schedule.attempts) > 0 || len(d.outcomes.unsaved) > 0 || d.schedule.waiting > 0 {
		d.lastBusy = now
		return true
	}
	d.lastSuccess = now
	return false
}

// abandon cancels the attempts that are under way. Their beacons stay pending. It waits for them for
// abandonTime.
func (d *Deliverer) abandon() {
	close(d.jobs)
	for a := range d.schedule.attempts {
		a.cancel()
	}
	for patience := time.After(abandonTime); len(d.schedule.attempts) > 0; {
		select {
		case a := <-d.results:
			d.settle(a, time.Now())
		case <-patience:
			clear(d.schedule.attempts)
		}
	}
	d.outcomes.sign(time.Now())
	d.outcomes.save()
	d.lost.save()
	d.waits.end(d.schedule, time.Now())
}
