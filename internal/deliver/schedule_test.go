package deliver

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// One beacon of a busy origin has stepped aside, and another origin is delayed. Each further beacon changes
// when the busy origin is due.
func TestSchedule_BusyOriginBesideDelayedOne_SleepersStayFew(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newSchedule(false, now, rand.New(rand.NewPCG(1, 2)), &waits{origins: map[string]Wait{}, lanes: map[uint64]Wait{}})
	tryOne := func(url string) *attempt {
		s.add(&warc.Record{Target: url}, waiting{expires: 1 << 31}, now)
		a, _ := s.next(now)
		if a == nil {
			t.Fatal("nothing to attempt")
		}
		s.ended(a)
		return a
	}
	succeed := func(a *attempt) {
		a.lane.origin.answered(s, a, time.Millisecond)
		a.lane.succeed(s, a)
		s.put(a.lane.origin, now)
	}
	succeed(tryOne("http://busy/"))
	succeed(tryOne("http://busy/"))
	failed := tryOne("http://busy/")
	s.waiting++
	failed.lane.fail(s, failed, now, now.Add(time.Hour), false, "500")
	s.put(failed.lane.origin, now)
	delayed := tryOne("http://delayed/")
	s.waiting++
	delayed.lane.origin.unreachable(s, delayed, now, "down")
	delayed.lane.give(delayed.waiting)
	delayed.lane.origin.notBefore = now.Add(time.Minute)
	s.put(delayed.lane.origin, now)
	for range 1000 {
		now = now.Add(time.Millisecond)
		succeed(tryOne("http://busy/"))
	}
	if n := len(s.asleep); n > 100 {
		t.Errorf("%d entries for %d origins", n, len(s.origins))
	}
}
