package deliver

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// slotsProven is how many attempts are under way at a time to origins that answer, and slotsOther to
	// all others. Of these, failing origins have slotsFailing, and slotsFailingFew while new origins wait.
	slotsProven     = 64
	slotsOther      = 128
	slotsFailing    = slotsOther * 3 / 4
	slotsFailingFew = slotsOther / 4
	slotsEager      = 1024

	// underWayMost bounds the bytes of the records that are under way.
	underWayMost = 8 << 20

	// jitterBase is the longest delay after the first failure in a row; it doubles with each further one.
	jitterBase = 100 * time.Millisecond
)

// A schedule says which beacon is tried next, and when. It does no I/O. It is not safe for concurrent use.
type schedule struct {
	eager  bool      // each beacon is tried at once
	epoch  time.Time // of the waiting beacons' times
	random *rand.Rand
	salt   uint64 // of the folding of lanes
	waits  *waits

	origins map[string]*origin
	waiting int

	// Origins that can send now are in one of these, those that can later in asleep. Entries that are not
	// their origin's last one are void.
	ready      [classes][]entry
	count      [classes]int // valid entries
	asleep     sleepers
	newestNext bool // of the fresh origins

	attempts map[*attempt]struct{}
	unproven int          // attempts of lanes that were unproven when those began
	timedOut time.Time    // when timeOut looked last
	slots    [classes]int // attempts under way
	underWay int          // bytes of records

	text, spare []byte // what laneKey hashed last, and a buffer
	key         uint64 // the hash
}

// A class is what an origin is for the distribution of slots.
type class int

const (
	classProven class = iota // it answers
	classFresh               // it waits for its first attempt
	classFailing
	classes = iota
)

// A location is the queue of the schedule that an origin is in.
type location int

const (
	notQueued location = iota // only the end of an attempt or a new beacon can have it send
	inReady
	inAsleep
)

type entry struct {
	origin *origin
	number int
}

func (e entry) valid() bool { return e.number == e.origin.entry }

type sleeper struct {
	entry
	at time.Time
}

type sleepers []sleeper

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s sleepers) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *sleepers) Push(x any)        { *s = append(*s, x.(sleeper)) }
func (s *sleepers) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}

func newSchedule(eager bool, now time.Time, random *rand.Rand, w *waits) *schedule {
	if random == nil {
		random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return &schedule{
		eager: eager, epoch: now, random: random, salt: rand.Uint64(), waits: w,
		origins: map[string]*origin{}, attempts: map[*attempt]struct{}{},
	}
}

// tenths returns t as a due time, rounded up.
func (s *schedule) tenths(t time.Time) uint32 {
	return uint32(max(0, (t.Sub(s.epoch)+99*time.Millisecond)/(100*time.Millisecond)))
}

func (s *schedule) due(w waiting) time.Time {
	return s.epoch.Add(time.Duration(w.due) * 100 * time.Millisecond)
}

// jitter returns the delay after the n-th failure in a row, 1 being the first: exponential with full
// jitter, at most most.
func (s *schedule) jitter(n int, most time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(min(most, jitterBase<<min(n, 16)))))
}

// laneKey returns the key of a record's lane: a hash of its URL and of the headers that its caller chose.
func (s *schedule) laneKey(r *warc.Record) uint64 {
	text := append(s.spare[:0], r.Target...)
	for _, f := range r.Request.Header {
		if f.Name != KeyHeader && f.Name != "Content-Length" {
			text = append(append(append(append(text, '\n'), f.Name...), ':'), f.Value...)
		}
	}
	for _, f := range r.Extra {
		if f.Name == HeaderFileField {
			text = append(append(text, '\n'), f.Value...)
		}
	}
	if !bytes.Equal(text, s.text) {
		sum := sha256.Sum256(text)
		s.key = binary.BigEndian.Uint64(sum[:])
	}
	s.text, s.spare = text, s.text
	return s.key
}

// add takes a beacon, and returns its lane.
func (s *schedule) add(r *warc.Record, w waiting, now time.Time) *lane {
	name := OriginOf(r.Target)
	o := s.origins[name]
	if o == nil {
		o = &origin{name: strings.Clone(name)} // the record's strings are longer
		s.origins[o.name] = o
		s.waits.origin(o)
	}
	l := o.lane(s, s.laneKey(r), r.Target)
	l.use(r)
	first := l.ready.len() == 0
	l.give(w)
	s.waiting++
	if first {
		s.put(o, now)
	}
	return l
}

// put puts an origin where it belongs, after something changed.
func (s *schedule) put(o *origin, now time.Time) {
	at, ok := o.readyAt(s, now)
	ready, c := ok && !at.After(now), s.classOf(o)
	if o.where == inReady {
		if ready && c == o.class {
			return // it keeps its turn
		}
		s.count[o.class]--
	}
	o.entry++
	switch e := (entry{o, o.entry}); {
	case ready:
		o.where, o.class = inReady, c
		s.ready[c] = append(s.ready[c], e)
		s.count[c]++
	case ok:
		o.where = inAsleep
		heap.Push(&s.asleep, sleeper{e, at})
		if len(s.asleep) > 2*len(s.origins)+64 { // half of them are void
			s.asleep = slices.DeleteFunc(s.asleep, func(p sleeper) bool { return !p.valid() })
			heap.Init(&s.asleep)
		}
	default:
		o.where = notQueued
	}
}

func (s *schedule) classOf(o *origin) class {
	switch {
	case s.eager || o.proven():
		return classProven
	case !o.tried:
		return classFresh
	}
	return classFailing
}

// next returns the next attempt, or nil and the time until which nothing can be tried unless an attempt
// ends or a beacon comes; the zero time means that only those can change anything.
func (s *schedule) next(now time.Time) (*attempt, time.Time) {
	for len(s.asleep) > 0 {
		first := s.asleep[0]
		if first.valid() && first.at.After(now) {
			break
		}
		heap.Pop(&s.asleep)
		if first.valid() {
			s.put(first.origin, now)
		}
	}
	for s.underWay < underWayMost {
		o := s.pick()
		if o == nil {
			break
		}
		if a := s.start(o, now); a != nil {
			return a, now
		}
	}
	if len(s.asleep) > 0 {
		return nil, s.asleep[0].at
	}
	return nil, time.Time{}
}

// pick removes the origin of the next attempt from its queue, where it has a slot.
func (s *schedule) pick() *origin {
	proven := slotsProven
	if s.eager {
		proven = slotsEager
	}
	if s.slots[classProven] < proven && s.count[classProven] > 0 {
		return s.oldest(classProven)
	}
	if s.slots[classFresh]+s.slots[classFailing] >= slotsOther {
		return nil
	}
	mayFail := slotsFailing
	if s.count[classFresh] > 0 {
		mayFail = slotsFailingFew
	}
	switch {
	case s.slots[classFailing] < mayFail && s.count[classFailing] > 0:
		return s.oldest(classFailing)
	case s.count[classFresh] == 0:
		return nil
	case s.newestNext:
		s.newestNext = false
		return s.newest(classFresh)
	}
	s.newestNext = true
	return s.oldest(classFresh)
}

// oldest removes the first valid entry, of which there is one.
func (s *schedule) oldest(c class) *origin {
	for {
		e := s.ready[c][0]
		if s.ready[c] = s.ready[c][1:]; e.valid() {
			return s.picked(e.origin)
		}
	}
}

// newest removes the last valid entry, of which there is one.
func (s *schedule) newest(c class) *origin {
	for {
		last := len(s.ready[c]) - 1
		e := s.ready[c][last]
		if s.ready[c] = s.ready[c][:last]; e.valid() {
			return s.picked(e.origin)
		}
	}
}

func (s *schedule) picked(o *origin) *origin {
	s.count[o.class]--
	o.where = notQueued
	return o
}

// start begins an attempt, or returns nil if the origin can't send now.
func (s *schedule) start(o *origin, now time.Time) *attempt {
	c := s.classOf(o)
	l, w := o.take(s, now)
	if l == nil {
		s.put(o, now)
		return nil
	}
	a := &attempt{lane: l, waiting: w, began: now, class: c, laneRound: l.round, originRound: o.round, unproven: !l.proven()}
	s.waiting--
	s.attempts[a] = struct{}{}
	s.slots[c]++
	s.underWay += w.place.Len()
	l.inFlight++
	o.inFlight++
	if a.unproven {
		o.unproven++
		s.unproven++
	}
	o.tried = true
	s.put(o, now)
	return a
}

// ended gives back what an attempt took. The caller puts its origin.
func (s *schedule) ended(a *attempt) {
	delete(s.attempts, a)
	s.slots[a.class]--
	s.underWay -= a.waiting.place.Len()
	a.lane.inFlight--
	a.lane.origin.inFlight--
	if a.unproven {
		a.lane.origin.unproven--
		s.unproven--
	}
}
