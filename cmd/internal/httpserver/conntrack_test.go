package httpserver

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A fakeConn is a connection of which only the other end's address and the closing count.
type fakeConn struct {
	net.Conn
	address string
	closed  atomic.Bool
	onClose func()
}

func (c *fakeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.address), Port: 4711} }

func (c *fakeConn) Close() error {
	if !c.closed.Swap(true) && c.onClose != nil {
		c.onClose()
	}
	return nil
}

// A trackerTest has a tracker whose connections end at once when they are evicted.
type trackerTest struct {
	*testing.T
	*tracker
	evicted chan string
}

func newTrackerTest(t *testing.T, o Options) *trackerTest {
	return &trackerTest{t, newTracker(&o), make(chan string, 10000)}
}

// open adds a connection, or returns nil.
func (t *trackerTest) open(name string) *trackedConn {
	fake := &fakeConn{address: "203.0.113.1"}
	c := t.add(fake)
	if c == nil {
		return nil
	}
	fake.onClose = func() {
		t.evicted <- name
		go func() {
			c.release(c.unfinished.Swap(0))
			c.closed()
		}()
	}
	return c
}

// answer has a connection complete a request.
func (c *trackedConn) answer() {
	c.begin(0)
	c.end(0)
}

// ticks lets so many seconds pass.
func (t *trackerTest) ticks(n int) {
	for range n {
		t.tick()
	}
}

// expectEvicted fails the test unless these were evicted, in this order, and no other.
func (t *trackerTest) expectEvicted(names ...string) {
	t.Helper()
	var got []string
	for range names {
		got = append(got, <-t.evicted)
	}
	select {
	case more := <-t.evicted:
		got = append(got, more)
	default:
	}
	if !slices.Equal(got, names) {
		t.Errorf("evicted: %q, want %q", got, names)
	}
}

// usual is what a connection without TLS takes when it is idle.
func usual(t *testing.T) int64 {
	c := newTracker(&Options{}).add(&fakeConn{address: "203.0.113.1"})
	return c.takes
}

func TestTracker_OneAddress_HasLimitedConnections(t *testing.T) {
	tr := newTracker(&Options{PerAddress: 2, Proxies: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:f::/48")}})
	var conns []*trackedConn
	refused := 0
	for _, x := range []struct {
		address string
		room    bool
	}{
		{"203.0.113.1", true}, {"203.0.113.1", true}, {"203.0.113.1", false}, {"203.0.113.2", true},
		{"::ffff:203.0.113.2", true}, {"::ffff:203.0.113.2", false}, {"203.0.113.2", false},
		// An address of IPv6 is its network.
		{"2001:db8:0:1::1", true}, {"2001:db8:0:1:ffff::2", true}, {"2001:db8:0:1:8000::3", false}, {"2001:db8:0:2::1", true},
		// Proxies are exempt.
		{"198.51.100.7", true}, {"198.51.100.7", true}, {"198.51.100.7", true}, {"2001:db8:f:1::1", true}, {"2001:db8:f:1::1", true}, {"2001:db8:f:1::1", true},
	} {
		c := tr.add(&fakeConn{address: x.address})
		if (c != nil) != x.room {
			t.Errorf("%s has room: %v, want %v", x.address, c != nil, x.room)
		}
		if c == nil {
			refused++
		} else {
			conns = append(conns, c)
		}
	}
	if got := counterOf(t, tr, "beacon_connections_evicted_total", closedAddress); int(got) != refused {
		t.Errorf("the metric counts %v for the limit of an address, want %d", got, refused)
	}
	conns[0].closed()
	if c := tr.add(&fakeConn{address: "203.0.113.1"}); c == nil {
		t.Error("a closed connection has not made room for its address")
	} else {
		c.closed()
	}
	for _, c := range conns[1:] {
		c.closed()
	}
	if len(tr.of) != 0 || tr.held.Load() != 0 || len(tr.conns) != 0 {
		t.Errorf("after all are closed: %d addresses, %d bytes, %d connections", len(tr.of), tr.held.Load(), len(tr.conns))
	}
}

// counterOf returns a metric's value, of the counter with the limit's name.
func counterOf(t *testing.T, tr *tracker, name, limit string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	for _, c := range tr.metrics.all() {
		registry.MustRegister(c)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name && (limit == "" || len(m.Label) == 1 && m.Label[0].GetValue() == limit) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s of %q", name, limit)
	return 0
}

func TestTracker_NoMemory_EvictsUnusedBeforeUsedAndOldestFirst(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 8 * usual(t)})
	old := x.open("used, old")
	old.answer()
	busy := x.open("busy") // the second oldest
	busy.begin(0)
	x.tick()
	x.open("unused, old")
	x.ticks(5)
	x.open("unused, young")
	x.ticks(4)
	young := x.open("used, young")
	young.answer()
	regular := x.open("used often")
	regular.answer()
	x.tick()
	regular.answer()
	once := x.open("used once now")
	once.answer()
	x.open("newest") // which has some seconds for its first request
	x.expectEvicted()
	// Each new one is used in more than one second, so that the next one doesn't evict it.
	for i, want := range []string{"unused, old", "unused, young", "used, old", "newest", "used, young", "used once now"} {
		c := x.open("more")
		if c == nil {
			t.Fatalf("connection %d finds no room", i)
		}
		c.answer()
		x.clock.Add(1)
		c.answer()
		x.expectEvicted(want)
	}
	if got := counterOf(t, x.tracker, "beacon_connections_evicted_total", closedMemory); got != 6 {
		t.Errorf("the metric counts %v for memory, want 6", got)
	}
	if got := counterOf(t, x.tracker, "beacon_connections_bytes", ""); int64(got) != x.held.Load() || got == 0 {
		t.Errorf("the metric has %v bytes, want %d", got, x.held.Load())
	}
}

// Connections that are only opened evict each other, however many there are.
func TestTracker_ManyUnused_EvictEachOther(t *testing.T) {
	const room = 200
	x := newTrackerTest(t, Options{Memory: room * usual(t)})
	var used []*trackedConn
	for range room {
		used = append(used, x.open("used"))
	}
	for range 2 {
		x.clock.Add(1)
		for _, c := range used {
			c.answer()
		}
	}
	x.clock.Add(40) // then they are idle; one of them must go for the first connection
	for range 15 {
		x.clock.Add(1)
		for range 200 {
			if x.open("unused") == nil {
				t.Fatal("no room")
			}
		}
	}
	evicted := map[string]int{}
	for len(x.evicted) > 0 {
		evicted[<-x.evicted]++
	}
	if evicted["used"] != 1 || evicted["unused"] != 2999 {
		t.Errorf("evicted: %v, want 1 used and 2999 unused", evicted)
	}
}

// A connection that has not used its first seconds is evicted before those that are used, even if the order was
// computed before.
func TestTracker_SameRank_EvictsTheMostBytesFirst(t *testing.T) {
	test := newTrackerTest(t, Options{Memory: 40*usual(t) + 3000})
	for i := range 40 {
		c := test.open(fmt.Sprint(i))
		if i == 20 || i == 10 {
			c.charge(int64(100 * i))
		}
	}
	test.open("a")
	test.expectEvicted("20")
	test.open("b")
	test.expectEvicted("10")
}

func TestTracker_TimePasses_OrderIsRenewed(t *testing.T) {
	const room = 64
	x := newTrackerTest(t, Options{Memory: room * usual(t)})
	for range room / 2 {
		x.open("used").answer()
	}
	x.clock.Add(10)
	for range room / 2 {
		x.open("unused")
	}
	x.open("unused")
	x.expectEvicted("used") // the others are new
	x.clock.Add(newSeconds)
	for range 10 {
		x.open("unused")
		x.expectEvicted("unused")
	}
}

func TestTracker_AllBusy_RefusesNewConnection(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 3 * usual(t)})
	var all []*trackedConn
	for range 3 {
		c := x.open("busy")
		c.begin(0)
		all = append(all, c)
	}
	if c := x.open("new"); c != nil {
		t.Error("there was room although all connections are busy")
	}
	all[1].end(0)
	if c := x.open("new"); c == nil {
		t.Error("there was no room although one is idle")
	}
	x.expectEvicted("busy")
}

func TestTracker_TooManyFiles_Evicts(t *testing.T) {
	x := newTrackerTest(t, Options{})
	x.files = 3
	for _, name := range []string{"1", "2", "3"} {
		x.open(name)
		x.tick()
	}
	x.expectEvicted()
	x.open("4")
	x.expectEvicted("1")
	x.open("5")
	x.expectEvicted("2")
}

// An eviction and the begin of a connection behind a proxy, which replaces its Conn, may overlap.
func TestTracker_EvictedWhileItBegins_NoRace(t *testing.T) {
	s := New(Options{Handler: http.NotFoundHandler(), ProxyProtocol: true, Proxies: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	defer s.Close()
	for range 20 {
		client, server := net.Pipe()
		c := s.tracker.add(proxied{server})
		s.tracker.mu.Lock()
		s.tracker.evict(c)
		s.tracker.mu.Unlock()
		s.begin(c, nil)
		client.Close()
	}
}

// A proxied is a connection of a proxy.
type proxied struct{ net.Conn }

func (proxied) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 1} }
