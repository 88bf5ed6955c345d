// Package deliver sends the beacons of an outbox to their servers, and sends them again after a failure,
// until they are delivered, are refused, or expire. schedule.go decides which beacon is next; lane.go and
// origin.go decide what a failure delays.
package deliver

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
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
	// Base means that Fetch sends by the RoundTripper of the program, for which some records wait.
	Base bool
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
	// OnAttempt, if not nil, is called after each attempt. OnEnd, if not nil, is called when a beacon has its
	// outcome. Both are called with the run's mutex held: they must not block, nor call the Deliverer.
	OnAttempt func()
	OnEnd     func(id uuid.UUID)
	// Wake, if not nil, has a value when there may be new records.
	Wake <-chan struct{}
	Log  *slog.Logger

	random *rand.Rand        // of delays and choices; tests set it
	onScan func(waiting int) // may be nil; tests set it
	*run
}

// A run is the state of one Run. Its workers settle their attempts themselves, and begin the next ones.
type run struct {
	mu     sync.Mutex    // of all below, of the Claim and of what it has
	poke   chan struct{} // has a value when there may be something to do for Run
	wakeAt time.Time     // when Run has something to do otherwise
	ending bool          // no more attempts begin
	over   bool          // the run has ended, and abandoned the attempts that are left

	schedule *schedule
	waits    *waits
	lost     *lost
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
		wait, over, err := d.look(time.Now())
		if over || err != nil {
			return d.abandon(err != nil), err
		}
		timer.Reset(wait)
		select {
		case <-d.poke:
		case <-timer.C:
		case <-d.Wake:
			d.mu.Lock()
			d.scanAt = time.Time{}
			d.mu.Unlock()
		case <-ctx.Done():
			return d.abandon(false), nil
		}
	}
}

// look does what is due now, and returns how long the next look can wait, or that the run is over.
func (d *Deliverer) look(now time.Time) (wait time.Duration, over bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.awake(now)
	if d.untilScan(now) <= 0 {
		if err := d.scan(now); err != nil {
			return 0, false, err
		}
		if err := d.obey(now); err != nil {
			return 0, false, err
		}
		d.sweep(now)
		d.outcomes.save()
		d.lost.save()
		if d.waits.due(now) {
			d.waits.write(d.schedule, now)
		}
	}
	wait = d.outcomes.signDue(now, len(d.schedule.attempts) == 0)
	_, untilAttempt := d.start(now, false)
	wait = min(wait, untilAttempt, d.untilScan(now))
	d.wakeAt = now.Add(wait)
	d.left(now)
	return wait, d.ends(now), nil
}

func (d *Deliverer) begin(now time.Time) {
	w := loadWaits(d.Claim.Dir(), now)
	d.run = &run{
		poke:      make(chan struct{}, 1),
		schedule:  newSchedule(d.Eager, now, d.random, w),
		waits:     w,
		lost:      loadLost(d.Claim.Dir()),
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
// abandonTime, and returns whether beacons are left. If the outbox is lost, it writes nothing: another process
// may deliver from the outbox.
func (d *Deliverer) abandon(lost bool) (left bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left = d.left(time.Now())
	d.ending, d.over = true, lost
	for a := range d.schedule.attempts {
		a.cancel()
	}
	for timeout := time.After(abandonTime); len(d.schedule.attempts) > 0 && !d.over; {
		d.mu.Unlock()
		late := false
		select {
		case <-d.poke:
		case <-timeout:
			late = true
		}
		d.mu.Lock()
		d.over = late
	}
	d.over = true
	clear(d.schedule.attempts)
	if lost {
		return false
	}
	d.outcomes.sign(time.Now())
	d.outcomes.save()
	d.lost.save()
	d.waits.end(d.schedule, time.Now())
	return left
}
