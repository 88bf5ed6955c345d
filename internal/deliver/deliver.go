// Package deliver carries beacons from an outbox to their servers: the oldest of each
// origin first, again after a failure, until they arrive, are refused, or expire.
package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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
	// maxAge is how long a beacon is good that does not say so itself.
	maxAge = 24 * time.Hour

	// Other processes' records are found by looking, often while they come.
	pollMin, pollMax = 5 * time.Millisecond, 100 * time.Millisecond
	pollPlenty       = 20 * time.Millisecond // with enough to do
	// So many are looked up at a time, so that a full outbox holds up no answer.
	scanBatch = 256
	// keptRecords is how many of an origin's first are kept in memory between the look
	// and the attempt.
	keptRecords = 512
	keptBytes   = 4 << 20 // of all origins

	// What arrived is signed for so many at a time, or after so long.
	signBatch = PerOrigin
	signPause = 5 * time.Millisecond

	// sweepPause is how long something can be overdue that waits for its turn.
	sweepPause = 10 * time.Second
)

// noClock is before any time that a clock which is set can show.
var noClock = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

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

	origins  map[string]*origin
	turn     []*origin // whose turn it is, round robin
	inFlight int
	kept     int       // bytes of the bodies in memory that wait
	swept    time.Time // when the queues were last searched for what has expired
	passed   string    // what the last Scan passed over, to say it once
	results  chan result
	arrived  []arrivals     // and not signed for
	signed   time.Time      // when that was done last
	unsaved  []func() error // outcomes that the disk did not take yet
	noRoom   bool           // and it takes none at all
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
	d.origins, d.turn, d.kept = map[string]*origin{}, nil, 0
	d.arrived, d.unsaved, d.noRoom = nil, nil, false
	d.results = make(chan result, d.most())
	attempts, cancel := context.WithCancel(ctx)
	defer cancel()

	poll, nextScan, more := pollMin, time.Time{}, false
	lastBusy, lastSuccess, lastLook := time.Now(), time.Now(), time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		if pause := now.Sub(lastLook); pause > time.Second {
			// We were stopped, or the machine slept: that is no time without a server.
			lastSuccess, lastBusy = lastSuccess.Add(pause), lastBusy.Add(pause)
		}
		lastLook = now
		if !now.Before(nextScan) || more && !d.plenty() {
			poll = min(max(2*poll, pollMin), pollMax)
			found := 0
			var err error
			more, err = d.Claim.Scan(func(e spool.Entry, r *warc.Record) bool {
				d.add(e, r)
				found++
				return found < scanBatch
			})
			if errors.Is(err, spool.ErrLost) {
				d.abandon(cancel)
				return false, err
			}
			d.passOver(err)
			if found > 0 {
				poll = pollMin
			}
			d.sweep(now, spool.TrackingForbidden(d.Claim.Dir()))
			d.save()
			nextScan = now.Add(poll)
			if d.plenty() {
				// A fast server has had the next look taken by then; behind a slow one
				// there may be beacons for others.
				nextScan = now.Add(max(poll, pollPlenty))
			}
		}
		wait := nextScan.Sub(now)
		if n := d.unsigned(); n >= signBatch || n > 0 && (d.inFlight == 0 || now.Sub(d.signed) >= signPause) {
			d.sign(now)
		} else if n > 0 {
			wait = min(wait, signPause)
		}
		if at := d.start(attempts, now); !at.IsZero() {
			wait = min(wait, max(at.Sub(now), 0))
		}
		if more && !d.plenty() {
			wait = 0
		}
		left := more || d.inFlight > 0 || len(d.unsaved) > 0 || d.waiting() > 0
		if left {
			lastBusy = now
		} else {
			lastSuccess = now
			clear(d.origins)
			d.turn = nil
		}
		if d.Idle > 0 && now.Sub(lastBusy) >= d.Idle || d.Patience > 0 && now.Sub(lastSuccess) >= d.Patience {
			d.abandon(cancel)
			return left, nil
		}
		timer.Reset(wait)
		select {
		case r := <-d.results:
			for more := true; more; {
				if d.settle(r) {
					lastSuccess = now
				}
				select {
				case r = <-d.results:
				default:
					more = false
				}
			}
		case <-timer.C:
		case <-d.Wake:
			nextScan = time.Time{}
		case <-ctx.Done():
			d.abandon(cancel)
			return left, nil
		}
	}
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
	d.sign(time.Now())
	d.save()
}

// most is how many are under way at a time.
func (d *Deliverer) most() int {
	if d.Eager {
		return inAllEager
	}
	return inAll
}

// ended is told of what has its outcome, written down or about to be.
func (d *Deliverer) ended(e spool.Entry) {
	if d.OnEnd != nil {
		d.OnEnd(e.ID)
	}
}

// plenty says whether a server that answers has enough to do for now.
func (d *Deliverer) plenty() bool {
	for _, o := range d.origins {
		if o.known && o.failures == 0 && len(o.ready) >= keptRecords-scanBatch {
			return true
		}
	}
	return false
}

func (d *Deliverer) waiting() (n int) {
	for _, o := range d.origins {
		n += o.waiting()
	}
	return n
}

func (d *Deliverer) add(e spool.Entry, r *warc.Record) {
	name := originOf(r.Target)
	o := d.origins[name]
	if o == nil {
		o = &origin{name: name}
		d.origins[name] = o
		d.turn = append(d.turn, o)
	}
	expires, err := time.Parse(time.RFC3339Nano, r.Extra.Get(ExpiresField))
	if err != nil {
		expires = r.Date.Add(maxAge)
	}
	if r.Date.Before(noClock) {
		// The clock was not set when it was kept: nobody knows how old it is.
		expires = time.Now().Add(expires.Sub(r.Date))
	}
	p := &parcel{entry: e, origin: o, expires: expires}
	if r.Extra.Get(HonorField) != "" {
		p.trackedAt = r.Date
	}
	if o.failures == 0 && len(o.ready) < keptRecords && d.kept < keptBytes {
		kept := *r
		kept.Request.Body = bytes.Clone(r.Request.Body)
		p.record = &kept
		d.kept += len(kept.Request.Body)
	}
	o.ready = append(o.ready, p)
}

// passOver logs what a Scan passed over, when it is something new.
func (d *Deliverer) passOver(err error) {
	text := fmt.Sprint(err)
	if err != nil && text != d.passed {
		d.Log.Warn("a part of the outbox can't be read, will try again", "error", err)
	}
	d.passed = text
}

// originOf cuts a serialised URL behind its authority.
func originOf(href string) string {
	scheme, rest, _ := strings.Cut(href, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

// start begins the attempts whose time has come, one origin after the other, and
// returns when to look again; zero where only an answer can change anything.
func (d *Deliverer) start(ctx context.Context, now time.Time) (again time.Time) {
	if d.noRoom {
		// What can't be written down would be sent again by the next run, and the next.
		return time.Time{}
	}
	most := d.most()
	for busy := true; busy && d.inFlight < most; {
		busy, again = false, time.Time{}
		if len(d.turn) > 1 {
			d.turn = append(d.turn[1:], d.turn[0])
		}
		for _, o := range d.turn {
			p, at := o.next(now, d.Eager)
			if p == nil {
				if !at.IsZero() && (again.IsZero() || at.Before(again)) {
					again = at
				}
				continue
			}
			busy = true
			if !p.expires.After(now) && d.expire(p) {
				if p.record != nil {
					d.kept -= len(p.record.Request.Body)
				}
				continue
			}
			p.round = o.failures
			o.inFlight++
			d.inFlight++
			d.attempt(ctx, p, now)
			if d.inFlight == most {
				break
			}
		}
	}
	return again
}

// attempt begins one; its end comes as a result.
func (d *Deliverer) attempt(ctx context.Context, p *parcel, now time.Time) {
	r := result{parcel: p}
	if p.record != nil {
		r.record, p.record = *p.record, nil
		d.kept -= len(r.record.Request.Body)
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
