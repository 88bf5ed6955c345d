package httpserver

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bytes of a connection that waits for a request: the goroutine's stack, buffers and state. BenchmarkIdle of the command measures them. HTTP/2 takes no more than HTTP/1.1.
const (
	takesHTTP    = 16 << 10
	takesTLS     = 14 << 10 // more, for keys and buffers
	takesNetHTTP = 8 << 10  // more, for the buffers of net/http
)

// Time limits in seconds. The tracker checks them once a second.
const (
	headerSeconds = 10  // for a handshake, and for a header that has begun
	bodySeconds   = 30  // for a body
	writeSeconds  = 30  // for a write during which the client reads nothing
	idleSeconds   = 120 // between two requests
)

// useCredit is how many seconds a connection counts as younger for its first answer, and again for a
// second one in a later second. So connections that are opened and left idle, even after one request,
// evict each other before those of clients that keep sending. A new connection has the credit of one
// answer for newSeconds, so that its first request can come in, also while others flood the server with
// connections that send one beacon each.
const (
	useCredit  = 60
	newSeconds = 3
)

// A tracker bounds the memory and the number of connections. A connection holds what it takes when it
// is idle, and more while headers and bodies come in and handlers run. Where the sum exceeds the
// bound, the tracker evicts the connection that has waited longest for its client. Requests in
// progress have half of the bound: beyond that, it evicts the connection with the most bytes of
// unfinished requests, times the seconds since its last answer.
type tracker struct {
	limit      int64 // bytes
	files      int   // connections
	perAddress int   // connections of one address, or 0
	exempt     []netip.Prefix
	metrics    *metrics

	clock    atomic.Int64 // seconds; tick advances it
	held     atomic.Int64 // bytes of all connections
	requests atomic.Int64 // of that, bytes of requests in progress
	waiters  atomic.Int32 // goroutines that wait for freed

	mu      sync.Mutex
	conns   map[*trackedConn]struct{}
	leaving map[*trackedConn]struct{} // evicted ones, which hold memory until they are closed
	of      map[netip.Addr]int        // connections of each address, where there is a bound
	freed   sync.Cond                 // held is less
	victims []victim                  // for the next evictions, the next one last
	chosen  int64                     // the second in which they were chosen
}

// A victim is a connection with what it was chosen by. In a flood many have the same rank. Then those with the most
// bytes of requests come first, because a short request that is coming in frees little and is answered soon.
type victim struct {
	conn        *trackedConn
	rank, bytes int64
}

// A trackedConn is a connection of a tracker.
type trackedConn struct {
	net.Conn
	tracker *tracker
	address netip.Addr // or network; invalid without a bound for it

	charged    atomic.Int64 // bytes of requests
	unfinished atomic.Int64 // of that, bytes of requests that have not come in whole, or whose answer waits for the client
	since      atomic.Int64 // the second of the last answer, or of the accept
	uses       atomic.Int32 // 0: no request was answered; 1: one second had answers; 2: more than one had
	busy       atomic.Int32 // handlers that have their whole request; less than 0 while Evictable has a part of one
	deadline   atomic.Int64 // the second after which it is closed, or 0
	writing    atomic.Int64 // the second in which a write began, or 0

	takes  int64           // bytes when idle; under the tracker's lock
	gone   bool            // evicted or closed; under the tracker's lock
	expire func(now int64) // called each second, to end overdue requests; may be nil; under the tracker's lock
	goaway func()          // called before an eviction; may be nil; under the tracker's lock
}

func newTracker(o *Options) *tracker {
	t := &tracker{
		limit: cmp.Or(o.Memory, DefaultMemory), files: maxFiles() / 2, perAddress: o.PerAddress, exempt: o.Proxies,
		conns: map[*trackedConn]struct{}{}, leaving: map[*trackedConn]struct{}{}, of: map[netip.Addr]int{},
	}
	t.freed.L = &t.mu
	t.metrics = newMetrics(t)
	return t
}

// add returns nil if the connection's address has too many already, or if nothing can be evicted for it.
func (t *tracker) add(conn net.Conn) *trackedConn {
	c := &trackedConn{Conn: conn, tracker: t, takes: takesHTTP}
	c.since.Store(t.clock.Load())
	c.limit(headerSeconds)
	if a := addressOf(conn.RemoteAddr()); t.perAddress > 0 && !contains(t.exempt, a) {
		if a.Is6() {
			network, _ := a.Prefix(64) // what one client has, as for --address-rate
			a = network.Addr()
		}
		c.address = a
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.address.IsValid() && t.of[c.address] >= t.perAddress {
		t.metrics.closed.WithLabelValues(closedAddress).Inc()
		return nil
	}
	t.held.Add(c.takes)
	t.conns[c] = struct{}{}
	if c.address.IsValid() {
		t.of[c.address]++
	}
	if !t.makeRoom(c) {
		t.forget(c)
		t.metrics.closed.WithLabelValues(closedMemory).Inc()
		return nil
	}
	t.insertVictim(c)
	return c
}

// insertVictim adds a new connection to the victims where it ranks before one of them.
func (t *tracker) insertVictim(c *trackedConn) {
	v := victim{c, c.rank(), 0}
	switch {
	case len(t.victims) > len(t.conns): // most of them are gone
		t.victims = nil
	case len(t.victims) > 0 && v.rank < t.victims[0].rank:
		i, _ := slices.BinarySearchFunc(t.victims, v, func(a, b victim) int { return cmp.Compare(b.rank, a.rank) })
		t.victims = slices.Insert(t.victims, i, v)
	}
}

// take has the connection take n bytes more for as long as it is open. It returns false where there
// is not enough room. The connection must be closed then.
func (c *trackedConn) take(n int64) bool {
	t := c.tracker
	t.mu.Lock()
	defer t.mu.Unlock()
	c.takes += n
	t.held.Add(n)
	return t.makeRoom(c)
}

// charge adds n bytes of a request that comes in. It returns false, and adds nothing, where there is
// no room.
func (c *trackedConn) charge(n int64) bool {
	t := c.tracker
	c.unfinished.Add(n)
	c.charged.Add(n)
	requests, held := t.requests.Add(n), t.held.Add(n)
	if requests <= t.limit/2 && held <= t.limit {
		return true
	}
	t.mu.Lock()
	ok := t.makeRoom(c)
	t.mu.Unlock()
	if !ok {
		c.unfinished.Add(-n)
		c.release(n)
	}
	return ok
}

// begin counts a handler that has a whole request, of which n bytes are charged. Such a connection is not
// evicted.
func (c *trackedConn) begin(n int64) {
	c.unfinished.Add(-n)
	c.busy.Add(1)
}

// pause notes that the answer to a whole request of n charged bytes waits for the client to read. It
// counts like a request that has not come in whole, until begin ends the pause.
func (c *trackedConn) pause(n int64) {
	c.unfinished.Add(n)
	c.busy.Add(-1)
}

// serves returns whether a request is being answered to a client that reads.
func (c *trackedConn) serves() bool {
	writing := c.writing.Load()
	return c.busy.Load() > 0 && (writing == 0 || c.tracker.clock.Load()-writing < 2)
}

// end counts an answer of a handler, and releases the n bytes of its request.
func (c *trackedConn) end(n int64) {
	now := c.tracker.clock.Load()
	if before := c.since.Swap(now); c.uses.Load() == 0 {
		c.uses.Store(1)
	} else if now > before {
		c.uses.Store(2)
	}
	c.busy.Add(-1)
	if n > 0 {
		c.release(n)
	}
}

// release gives back n charged bytes.
func (c *trackedConn) release(n int64) {
	t := c.tracker
	c.charged.Add(-n)
	t.requests.Add(-n)
	t.held.Add(-n)
	if t.waiters.Load() > 0 {
		t.mu.Lock()
		t.freed.Broadcast()
		t.mu.Unlock()
	}
}

// limit has the connection closed in so many seconds, or, where that is 0, only when it idles.
func (c *trackedConn) limit(seconds int64) {
	if seconds > 0 {
		seconds += c.tracker.clock.Load() + 1
	}
	c.deadline.Store(seconds)
}

// makeRoom evicts connections until the sums are within the bounds, and waits until those are closed.
// It returns false where nothing else can be evicted, or where c itself was.
func (t *tracker) makeRoom(c *trackedConn) bool {
	for !c.gone {
		requests, held := t.requests.Load(), t.held.Load()
		if requests <= t.limit/2 && held <= t.limit && len(t.conns) <= t.files {
			return true
		}
		for conn := range t.leaving {
			n := conn.charged.Load()
			requests, held = requests-n, held-n-conn.takes
		}
		var next *trackedConn
		switch {
		case requests > t.limit/2:
			if next = t.largest(); next == c {
				return false // the request is refused; the connection stays
			}
		case held > t.limit || len(t.conns) > t.files:
			next = t.oldest(c)
		default:
			t.waiters.Add(1)
			t.freed.Wait()
			t.waiters.Add(-1)
			continue
		}
		if next == nil {
			return false
		}
		t.metrics.closed.WithLabelValues(closedMemory).Inc()
		t.evict(next)
	}
	return false
}

// largest returns the connection with the most bytes of unfinished requests, times the seconds
// since its last answer. Answers that wait for the client count as unfinished.
func (t *tracker) largest() (largest *trackedConn) {
	now, most := t.clock.Load(), int64(0)
	for c := range t.conns {
		bytes := c.unfinished.Load()
		if !c.serves() {
			bytes = c.charged.Load()
		}
		if weight := bytes * (1 + now - c.since.Load()); weight > most {
			largest, most = c, weight
		}
	}
	return largest
}

// oldest returns the connection that has waited longest for its client, and of several the one with the most bytes
// of requests. It never returns c, nor one whose request is being answered. It sorts the connections once for the
// evictions of a second.
func (t *tracker) oldest(c *trackedConn) *trackedConn {
	if now := t.clock.Load(); t.chosen != now { // ranks change with time
		t.chosen, t.victims = now, nil
	}
	for again := true; ; again = false {
		for len(t.victims) > 0 {
			next := t.victims[len(t.victims)-1]
			t.victims = t.victims[:len(t.victims)-1]
			if next.conn != c && !next.conn.gone && !next.conn.serves() && next.conn.rank() == next.rank {
				return next.conn
			}
		}
		if !again {
			return nil
		}
		var all []victim
		for conn := range t.conns {
			if conn != c && !conn.serves() {
				all = append(all, victim{conn, conn.rank(), conn.charged.Load()})
			}
		}
		slices.SortFunc(all, func(a, b victim) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.bytes, b.bytes)) })
		t.victims = slices.Clone(all[len(all)*15/16:])
	}
}

// rank orders connections by the second since which they wait, with credit for use.
func (c *trackedConn) rank() int64 {
	since, uses := c.since.Load(), int64(c.uses.Load())
	if uses == 0 && c.tracker.clock.Load()-since < newSeconds {
		uses = 1
	}
	return since + useCredit*uses
}

// evict closes the network's connection. The goroutine that serves it fails and closes c.
func (t *tracker) evict(c *trackedConn) {
	t.remove(c)
	t.leaving[c] = struct{}{}
	conn, goaway := c.Conn, c.goaway
	go func() {
		if goaway != nil {
			goaway()
		}
		conn.Close()
	}()
}

func (t *tracker) remove(c *trackedConn) {
	if c.gone {
		return
	}
	c.gone = true
	delete(t.conns, c)
	if c.address.IsValid() {
		if t.of[c.address]--; t.of[c.address] == 0 {
			delete(t.of, c.address)
		}
	}
}

// closed ends the tracking. It is called once, when nothing of the connection is in memory any more.
func (c *trackedConn) closed() {
	t := c.tracker
	c.Conn.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(c)
}

// forget releases what a connection takes.
func (t *tracker) forget(c *trackedConn) {
	t.remove(c)
	delete(t.leaving, c)
	t.held.Add(-c.takes)
	t.freed.Broadcast()
}

// run ticks once a second until done is closed.
func (t *tracker) run(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.tick()
		case <-done:
			return
		}
	}
}

// closeAll closes the network's connections.
func (t *tracker) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		c.Conn.Close()
	}
}

// tick advances the clock by a second, and closes what is overdue.
func (t *tracker) tick() {
	now := t.clock.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		if c.expire != nil {
			c.expire(now)
		}
		deadline, writing := c.deadline.Load(), c.writing.Load()
		stuck := writing > 0 && now-writing > writeSeconds
		overdue := deadline > 0 && now > deadline
		idle := deadline == 0 && c.unfinished.Load() == 0 && now-c.since.Load() > idleSeconds
		if stuck || c.busy.Load() <= 0 && (overdue || idle) {
			t.evict(c)
		}
	}
}
