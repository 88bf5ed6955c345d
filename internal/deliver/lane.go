package deliver

import (
	"container/heap"
	"math"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
)

const (
	// perLane is how many beacons of a lane are under way at a time. A lane that has not answered yet has
	// one; each success adds one.
	perLane = PerOrigin
	// A beacon that fails steps aside: for asideBase after its first failure, twice as long after each
	// further one, at most asideMost.
	asideBase, asideMost = 2 * time.Second, 15 * time.Minute
	// A lane is down when so many different beacons fail in a row. One more is needed for each beacon that
	// is known to fail alone, up to evidenceMost.
	evidenceLeast, evidenceMost = 2, 16
	// laneProbe is the longest time between two probes of a lane that is down: its server answers. If it
	// answers 500 or the like, and not that it can't take more, the cause may be the beacons: then the
	// first quickProbes come within quickProbe of each other, so that one that it takes is soon found.
	laneProbe   = 10 * time.Second
	quickProbe  = time.Second
	quickProbes = 64
	// lastChance is how long before its expiry a beacon is tried whatever its lane waits for.
	lastChance = 30 * time.Second
)

// A lane has the beacons of one URL with the same headers of the caller. What such beacons meet is
// likely the same: one rate limit, one broken handler. A lane is open or down. While it is down, one beacon
// at a time probes it.
type lane struct {
	origin *origin
	key    uint64
	url    string // of its first beacon

	network fetch.Network // of its newest beacon
	newest  time.Time     // when that was sent

	ready    queue
	aside    aside // after a failure of their own
	expiring queue // those that expire within lastChance, of a lane that can't send them now
	size     int   // beacons in ready, aside and expiring

	inFlight   int
	window     int
	successes  uint32 // answers that ended a beacon
	evidence   int    // different beacons that failed since the last success
	down       bool
	round      int       // failures that counted, so that those of attempts that overlap count once
	failures   int       // of probes, since it is down
	notBefore  time.Time // of the next probe
	retryAt    time.Time // the latest Retry-After since the last success
	probes     int       // which beacon is the next one
	cuts       int       // attempts that were cut short, since the last answer
	expiringAt time.Time // of the last attempt out of expiring

	err   string    // of the last failure, "" after a success
	since time.Time // of the first failure in a row
}

// blocked reports whether the lane sends only probes.
func (l *lane) blocked() bool { return l.down || l.origin.failures > 0 }

// proven reports whether the lane's server is likely to answer the next beacon.
func (l *lane) proven() bool { return l.successes > 0 && !l.down }

// limit is how many of its beacons are under way at a time.
func (l *lane) limit() int {
	if l.blocked() {
		return 1
	}
	return l.window
}

// readyAt returns when the lane can send the next beacon. It returns false if only the end of an
// attempt or a new beacon can change that it can't.
func (l *lane) readyAt(s *schedule, now time.Time) (time.Time, bool) {
	at, ok := time.Time{}, false
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for l.expiring.len() > 0 && !l.blocked() {
		l.ready.add(l.expiring.oldest())
	}
	if l.expiring.len() > 0 {
		earlier(l.expiringAt.Add(time.Second))
	}
	switch {
	case !s.eager && l.inFlight >= l.limit():
	case !s.eager && l.blocked():
		if l.ready.len()+len(l.aside) > 0 {
			earlier(later(l.notBefore, l.origin.notBefore))
		}
	case l.ready.len() > 0:
		earlier(now)
	case len(l.aside) > 0:
		earlier(s.due(l.aside[0]))
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take removes the beacon of the next attempt, where readyAt is not after now.
func (l *lane) take(s *schedule, now time.Time) waiting {
	l.size--
	if l.expiring.len() > 0 && !l.expiringAt.Add(time.Second).After(now) {
		l.expiringAt = now
		return l.expiring.oldest()
	}
	switch {
	case !s.eager && l.blocked():
		return l.probe(s)
	case len(l.aside) > 0 && !s.due(l.aside[0]).After(now):
		return heap.Pop(&l.aside).(waiting)
	}
	return l.ready.oldest()
}

// probe removes by turns the oldest beacon, the newest and a random one: whichever of them is the one
// that the server does not take, the others show that it takes beacons.
func (l *lane) probe(s *schedule) waiting {
	l.probes++
	if n := l.ready.len(); n == 0 || len(l.aside) > 0 && l.probes%8 == 0 {
		return heap.Pop(&l.aside).(waiting)
	}
	switch l.probes % 3 {
	case 1:
		return l.ready.oldest()
	case 2:
		return l.ready.newest()
	}
	return l.ready.random(s.random)
}

// succeed notes that the server took or refused a beacon.
func (l *lane) succeed(s *schedule, a *attempt) {
	if l.down && a.laneRound != l.round {
		l.successes++
		return // it began before the failures did, and they may have said when to come back
	}
	l.successes++
	l.evidence, l.cuts, l.retryAt = 0, 0, time.Time{}
	if l.err != "" {
		l.err, l.since = "", time.Time{}
		s.waits.changed = true
	}
	l.window = min(l.window+1, perLane)
	if !l.down {
		return
	}
	l.down, l.failures, l.notBefore = false, 0, time.Time{}
	kept := l.aside[:0]
	for _, w := range l.aside {
		if l.alone(&w) {
			kept = append(kept, w)
		} else {
			w.due = 0
			l.ready.add(w)
		}
	}
	l.aside = kept
	heap.Init(&l.aside)
}

// alone reports whether two others were taken since the beacon failed: then the cause is the beacon. The
// success that reopens a lane is not enough, as the beacon may have failed with all others.
func (l *lane) alone(w *waiting) bool { return w.fails > 0 && w.round+1 < l.successes }

// fail notes a failure that is not the connection's, and has the beacon step aside. until is when the
// server asked to come back, or zero; busy means that it can't take more for now, or is silent.
func (l *lane) fail(s *schedule, a *attempt, now, until time.Time, busy bool, reason string) {
	s.waits.changed = true
	if l.err = reason; l.since.IsZero() {
		l.since = now
	}
	w := a.waiting
	evidence := w.fails == 0 || w.round != l.successes && !l.alone(&w)
	w.fails = uint8(min(int(w.fails)+1, math.MaxUint8))
	w.round = l.successes
	delay := min(asideBase<<min(w.fails-1, 16), asideMost)
	if s.eager {
		delay = s.jitter(int(w.fails), originProbe)
	}
	w.due = s.tenths(later(now.Add(delay), until))
	l.retryAt = later(l.retryAt, until)
	heap.Push(&l.aside, w)
	l.size++
	switch {
	case s.eager:
	case l.down:
		if a.laneRound == l.round {
			l.round++
			l.failures++
			l.notBefore = now.Add(s.jitter(l.failures, l.pace(busy)))
		}
		l.notBefore = later(l.notBefore, l.retryAt)
	case evidence:
		l.evidence++
		l.window = max(l.window/2, 1)
		if l.evidence >= l.needed() {
			l.down, l.failures, l.window = true, 1, 1
			l.round++
			l.notBefore = later(now.Add(s.jitter(1, l.pace(busy))), l.retryAt)
		}
	}
}

// pace is the longest time until the next probe.
func (l *lane) pace(busy bool) time.Duration {
	if busy || l.failures > quickProbes {
		return laneProbe
	}
	return quickProbe
}

// needed is how many different beacons in a row have to fail until the lane is down.
func (l *lane) needed() int {
	n := evidenceLeast
	for i := range l.aside {
		if n == evidenceMost {
			break
		}
		if l.alone(&l.aside[i]) {
			n++
		}
	}
	return n
}

// give puts back a beacon whose attempt says nothing about its lane.
func (l *lane) give(w waiting) {
	l.ready.add(w)
	l.size++
}
