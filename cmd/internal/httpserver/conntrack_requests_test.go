package httpserver

import (
	"slices"
	"testing"
)

func TestTracker_UnfinishedRequests_EvictsBytesTimesAge(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 200 << 10}) // 100 KiB of requests
	slow := x.open("10 KiB for 20 s")
	slow.answer()
	slow.charge(10 << 10)
	x.clock.Add(20)
	fast := x.open("50 KiB now")
	fast.charge(50 << 10)
	whole := x.open("30 KiB, whole")
	whole.charge(30 << 10)
	whole.begin(30 << 10)
	if next := x.open("next"); !next.charge(20 << 10) {
		t.Error("a request was refused although an older and slower one can be evicted")
	}
	x.expectEvicted("10 KiB for 20 s")
	if next := x.open("later"); !next.charge(1 << 10) {
		t.Error("a request was refused although a larger one can be evicted")
	}
	x.expectEvicted("50 KiB now")
}

func TestTracker_OwnRequestIsLargest_IsRefusedAndConnectionStays(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 200 << 10})
	small := x.open("small")
	small.charge(10 << 10)
	large := x.open("large")
	if large.charge(95 << 10) {
		t.Error("a request was accepted over the bound")
	}
	if n := x.requests.Load(); n != 10<<10 || large.unfinished.Load() != 0 {
		t.Errorf("%d bytes are charged, and %d of the refused one; want 10 KiB and 0", n, large.unfinished.Load())
	}
	if !large.charge(50 << 10) {
		t.Error("a smaller request was refused on the same connection")
	}
	x.expectEvicted()
}

// A request that is being answered is not cut off, so a new one is refused.
func TestTracker_OnlyWholeRequests_RefusesNewOne(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 200 << 10})
	whole := x.open("whole")
	whole.charge(95 << 10)
	whole.begin(95 << 10)
	if next := x.open("next"); next.charge(10 << 10) {
		t.Error("a request was accepted over the bound")
	}
	x.expectEvicted()
	whole.end(95 << 10)
	if next := x.open("later"); !next.charge(10 << 10) {
		t.Error("a request was refused although the others are answered")
	}
}

// A connection that waits for room may be evicted too.
func TestTracker_EvictedWhileItWaits_IsForgotten(t *testing.T) {
	for range 20 { // the two that wait wake up in any order
		x := newTrackerTest(t, Options{Memory: 2 * usual(t)})
		lingering := x.open("lingering")
		closing := make(chan bool)
		lingering.Conn.(*fakeConn).onClose = func() { close(closing) }
		busy := x.open("busy")
		busy.begin(0)
		added := make(chan *trackedConn, 2)
		go func() { added <- x.add(&fakeConn{address: "203.0.113.8"}) }()
		<-closing
		evicted := make(chan bool)
		x.mu.Lock()
		for c := range x.conns {
			if c != busy {
				c.Conn.(*fakeConn).onClose = func() { close(evicted) }
			}
		}
		x.mu.Unlock()
		go func() { added <- x.add(&fakeConn{address: "203.0.113.9"}) }()
		<-evicted
		lingering.closed()
		first, second := <-added, <-added
		if (first == nil) == (second == nil) {
			t.Fatalf("added: %v, %v; want one", first != nil, second != nil)
		}
		if n := len(x.leaving); n != 0 || x.held.Load() != 2*usual(t) {
			t.Fatalf("%d connections are leaving, and %d bytes are held; want 0 and %d", n, x.held.Load(), 2*usual(t))
		}
	}
}

// Room is there only once an evicted connection is closed.
func TestTracker_EvictedConnectionLingers_NewOneWaits(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 2 * usual(t)})
	lingering := x.open("lingering")
	closing := make(chan bool)
	lingering.Conn.(*fakeConn).onClose = func() { close(closing) }
	x.tick()
	x.open("second")
	added := make(chan *trackedConn)
	go func() { added <- x.add(&fakeConn{address: "203.0.113.9"}) }()
	<-closing
	select {
	case <-added:
		t.Fatal("a connection was added while the evicted one holds its memory")
	default:
	}
	lingering.closed()
	if c := <-added; c == nil {
		t.Error("no room")
	}
	if held := x.held.Load(); held > x.limit {
		t.Errorf("%d bytes are held, over the limit of %d", held, x.limit)
	}
	x.expectEvicted()
}

func TestTracker_Time_EndsWhatIsOverdue(t *testing.T) {
	x := newTrackerTest(t, Options{})
	x.open("silent")
	idle := x.open("idle")
	idle.answer()
	idle.limit(0)
	busy := x.open("busy")
	busy.begin(0)
	stuck := x.open("stuck")
	stuck.begin(0)
	stuck.writing.Store(1)
	body := x.open("body")
	body.charge(10)
	body.limit(bodySeconds)
	x.ticks(headerSeconds + 1)
	x.expectEvicted()
	x.tick()
	x.expectEvicted("silent")
	x.ticks(bodySeconds - headerSeconds - 1)
	x.expectEvicted()
	x.ticks(2)
	got := []string{<-x.evicted, <-x.evicted}
	slices.Sort(got)
	if !slices.Equal(got, []string{"body", "stuck"}) {
		t.Errorf("after 33 s: %q", got)
	}
	x.ticks(idleSeconds - bodySeconds - 3)
	x.expectEvicted()
	x.tick()
	x.expectEvicted("idle")
	x.ticks(3600)
	x.expectEvicted()
	busy.end(0)
	busy.limit(0)
	x.ticks(idleSeconds)
	x.expectEvicted()
	x.tick()
	x.expectEvicted("busy")
}
