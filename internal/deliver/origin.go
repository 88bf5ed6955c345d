package deliver

import (
	"strings"
	"time"
)

const (
	// PerOrigin is how many beacons are under way to one origin at a time, over HTTP/2. Over HTTP/1.1 it is one
	// for each of at most so many connections. Half of them may be of lanes that are down or have not answered
	// yet.
	PerOrigin   = 16
	connections = PerOrigin / 2
	// lanesMost is how many lanes an origin has. The lanes of further URLs share these.
	lanesMost = 64
	// originProbe is the longest time between two attempts to reach an origin without a connection.
	originProbe = 30 * time.Second
)

// An origin is one server: what is reached by one kind of connection. Without a connection it fails as a
// whole, and one beacon at a time probes it.
type origin struct {
	name  string
	lanes []*lane
	turn  int // the lane whose turn is next

	inFlight  int
	unproven  int       // attempts under way of lanes that were unproven when those began
	tried     bool      // there was an attempt
	known     bool      // it has answered
	http2     bool      // over HTTP/2
	round     int       // failures that counted
	failures  int       // in a row, without a connection
	notBefore time.Time // of the next attempt
	cuts      int       // attempts that were cut short, since the last answer
	best      time.Duration
	reporting bool // an attempt under way reports losses
	blocked   int  // lanes that could send if more unproven ones might

	err   string    // of the last failure, "" after an answer
	since time.Time // of the first failure in a row

	where location // in the schedule
	class class    // of the queue, if it is in one
	entry int      // the number of its valid entry there
}

// OriginOf returns the scheme and the authority of a serialized URL, without a user.
func OriginOf(href string) string {
	scheme, rest, ok := strings.Cut(href, "://")
	if !ok {
		return href
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return scheme + "://" + rest[i+1:]
	}
	return href[:len(scheme)+len("://")+len(rest)]
}

// lane returns the lane for a key. The keys of many URLs share lanes.
func (o *origin) lane(s *schedule, key uint64, url string) *lane {
	for _, l := range o.lanes {
		if l.key == key {
			return l
		}
	}
	if len(o.lanes) == lanesMost {
		return o.lanes[(key^s.salt)%lanesMost]
	}
	l := &lane{origin: o, key: key, url: strings.Clone(url), window: 1} // the record's strings are longer
	o.lanes = append(o.lanes, l)
	s.waits.lane(l)
	return l
}

// proven reports whether the server is likely to answer the next attempt.
func (o *origin) proven() bool {
	if !o.known || o.failures > 0 {
		return false
	}
	for _, l := range o.lanes {
		if l.proven() {
			return true
		}
	}
	return false
}

// most returns how many beacons may be under way at a time.
func (o *origin) most() int {
	if o.http2 {
		return PerOrigin
	}
	return connections
}

// readyAt returns when the origin can send the next beacon. It returns false if only the end of an
// attempt or a new beacon can change that it can't.
func (o *origin) readyAt(s *schedule, now time.Time) (at time.Time, ok bool) {
	o.blocked = 0
	if !s.eager && (o.inFlight >= o.most() || o.failures > 0 && o.inFlight > 0) {
		return at, false
	}
	for _, l := range o.lanes {
		if l.size == 0 {
			continue
		}
		t, can := l.readyAt(s, now)
		if !can {
			continue
		}
		if o.full(s, l) {
			if !t.After(now) {
				o.blocked++
			}
			continue
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// full reports whether a lane has to wait for the attempts of other unproven lanes.
func (o *origin) full(s *schedule, l *lane) bool {
	return !s.eager && !l.proven() && o.unproven >= o.most()/2
}

// take removes the beacon of the next attempt. The lane is nil if none can send one, as after a step of the
// clock.
func (o *origin) take(s *schedule, now time.Time) (*lane, waiting) {
	for range o.lanes {
		o.turn++
		l := o.lanes[o.turn%len(o.lanes)]
		if l.size == 0 || o.full(s, l) {
			continue
		}
		if at, ok := l.readyAt(s, now); ok && !at.After(now) {
			return l, l.take(s, now)
		}
	}
	return nil, waiting{}
}

// answered notes an answer, whatever it was, that took so long.
func (o *origin) answered(s *schedule, a *attempt, took time.Duration) {
	o.known, o.http2, o.cuts, o.best = true, a.response.HTTP2, 0, took
	if a.originRound == o.round && o.failures > 0 {
		o.failures, o.notBefore = 0, time.Time{}
		o.err, o.since = "", time.Time{}
		s.waits.changed = true
	}
}

// unreachable notes an attempt without a connection.
func (o *origin) unreachable(s *schedule, a *attempt, now time.Time, reason string) {
	s.waits.changed = true
	if o.err = reason; o.since.IsZero() {
		o.since = now
	}
	if a.originRound == o.round {
		o.round++
		o.failures++
		o.notBefore = now.Add(s.jitter(o.failures, originProbe))
	}
}
