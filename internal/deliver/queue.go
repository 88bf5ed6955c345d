package deliver

import (
	"container/heap"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A parcel is a beacon on its way.
type parcel struct {
	entry     spool.Entry
	origin    *origin
	expires   time.Time
	trackedAt time.Time // when it was kept, if it honours the wish not to be tracked
	notBefore time.Time // its own turn after a failure
	failures  int
	round     int // the origin's failures when the attempt began
	// record is kept from when it was found, where it is likely to leave soon; else it
	// is read again.
	record *warc.Record
}

// An origin is the queue of the beacons for one server. A server that fails is asked
// again with one beacon at a time, and holds up nobody else's.
type origin struct {
	name      string
	ready     []*parcel // oldest first
	later     later
	inFlight  int
	failures  int       // in a row
	notBefore time.Time // no attempt earlier
	known     bool      // it has answered
}

// next takes the parcel whose turn it is, or says when there is one to ask for again;
// the zero time says that only the end of an attempt can change anything.
func (o *origin) next(now time.Time, eager bool) (*parcel, time.Time) {
	limit := PerOrigin
	switch {
	case eager:
		limit, o.notBefore = inAllEager, time.Time{}
	case o.failures > 0:
		limit = 1
	case !o.known:
		limit = unknown
	}
	if o.inFlight >= limit {
		return nil, time.Time{}
	}
	for len(o.later) > 0 && !o.later[0].notBefore.After(now) {
		o.ready = append(o.ready, heap.Pop(&o.later).(*parcel))
	}
	at := o.notBefore
	switch {
	case len(o.ready) > 0 && !at.After(now):
		p := o.ready[0]
		o.ready[0] = nil
		o.ready = o.ready[1:]
		return p, now
	case len(o.ready) > 0:
		return nil, at
	case len(o.later) > 0:
		if first := o.later[0].notBefore; first.After(at) {
			at = first
		}
		return nil, at
	}
	return nil, time.Time{}
}

// originOf cuts a serialised URL behind its authority.
func originOf(href string) string {
	scheme, rest, _ := strings.Cut(href, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
}

func (o *origin) waiting() int { return len(o.ready) + len(o.later) }

// later is a heap of parcels by their turn.
type later []*parcel

func (l later) Len() int           { return len(l) }
func (l later) Less(i, j int) bool { return l[i].notBefore.Before(l[j].notBefore) }
func (l later) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *later) Push(x any)        { *l = append(*l, x.(*parcel)) }
func (l *later) Pop() any {
	last := len(*l) - 1
	p := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return p
}
