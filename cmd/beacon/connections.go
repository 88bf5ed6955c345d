package main

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// mostConnections is how many a collector has at a time, where the system's limit of open
// files allows it. One takes 20 KiB while it is idle; what takes more is counted as several.
const mostConnections = 7 << 10

const (
	takenByPlain = 1
	takenByTLS   = 2  // 28 to 46 KiB
	takenByHTTP2 = 14 // 32 to 42 KiB, much of a header of 32 that has not ended, and up to 14 for each request
)

// connections bounds how many there are, of one address and in all. Beyond one address's
// bound a new one is closed. Beyond the bound of all, it is the one that waits longest for
// its client: someone who opens connections and sends nothing, or sends slowly, loses the
// oldest of them, and nobody else is held up. The memory of headers is bounded in the same way.
type connections struct {
	most, perAddress int
	exempt           []netip.Prefix

	mu      sync.Mutex
	open    int                // how many there are
	taken   int                // what they are counted as, and those that were sent away
	leaving int                // of that, what they take still
	freed   sync.Cond          // taken has become less
	turn    int                // how often idleTurn has passed
	headers int                // bytes of large headers
	of      map[netip.Addr]int // where there is a bound for each
	waiting *list.List         // of *connection, the longest first

	gauge  prometheus.GaugeFunc
	closed *prometheus.CounterVec
}

// A connection waits for its client: for a handshake, for a request and its body, for the next
// request, or to read a page. It does not while a handler has all that it was sent (watch.go).
type connection struct {
	net.Conn
	of      *connections
	address netip.Addr // or network; not valid where there is no bound for it

	preface int          // how much of the preface has come; for who reads
	http2   atomic.Bool  // no header of it is counted: there is room for one in what it takes
	header  atomic.Int64 // bytes that have come of the next header, unless a handler waits for a body
	bodies  atomic.Int32 // that handlers wait for

	takes    int           // what it is counted as
	place    *list.Element // in the list of those that wait, or nil
	since    int           // the turn in which the wait began
	handlers int           // that have their request's body
	counted  int           // bytes of header that are in the headers of all
	gone     bool          // it is closed, or was sent away
}

func newConnections(perAddress int, exempt []netip.Prefix) *connections {
	cs := &connections{most: min(mostConnections, mostFiles()/2), perAddress: perAddress, exempt: exempt, of: map[netip.Addr]int{}, waiting: list.New()}
	cs.freed.L = &cs.mu
	cs.gauge = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_connections", Help: "Connections that are open."}, func() float64 {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		return float64(cs.open)
	})
	cs.closed = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_connections_closed_total", Help: "Connections that were closed because there were too many, or too large headers."}, []string{"of"})
	cs.closed.WithLabelValues("address")
	cs.closed.WithLabelValues("all")
	cs.closed.WithLabelValues("headers")
	return cs
}

// Describe and Collect make it a prometheus.Collector.
func (cs *connections) Describe(to chan<- *prometheus.Desc) {
	cs.gauge.Describe(to)
	cs.closed.Describe(to)
}

func (cs *connections) Collect(to chan<- prometheus.Metric) {
	cs.gauge.Collect(to)
	cs.closed.Collect(to)
}

// listen returns l with its connections counted, each as so many.
func (cs *connections) listen(l net.Listener, takes int) net.Listener {
	return countingListener{l, cs, takes}
}

type countingListener struct {
	net.Listener
	conns *connections
	takes int
}

func (l countingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.conns.add(conn, l.takes); c != nil {
			return c, nil
		}
		conn.Close()
	}
}

// add returns nil where there is no room.
func (cs *connections) add(conn net.Conn, takes int) *connection {
	c := &connection{Conn: conn, of: cs}
	if a := addressOf(conn.RemoteAddr()); cs.perAddress > 0 && !contains(cs.exempt, a) {
		if a.Is6() {
			network, _ := a.Prefix(64) // is one's own, as for --address-rate
			a = network.Addr()
		}
		c.address = a
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.address.IsValid() && cs.of[c.address] >= cs.perAddress {
		cs.closed.WithLabelValues("address").Inc()
		return nil
	}
	if !cs.makeRoom(c, takes) {
		return nil
	}
	cs.open++
	if c.address.IsValid() {
		cs.of[c.address]++
	}
	cs.waits(c)
	return c
}

func (cs *connections) waits(c *connection) {
	c.place, c.since = cs.waiting.PushBack(c), cs.turn
}

// makeRoom has c counted as so many, where there is room for them once others that wait are sent
// away. It waits for those: while they go they still have their memory.
func (cs *connections) makeRoom(c *connection, takes int) bool {
	for cs.taken+takes-c.takes > cs.most && !c.gone {
		if cs.taken-cs.leaving+takes-c.takes <= cs.most {
			cs.freed.Wait()
			continue
		}
		oldest := cs.waiting.Front()
		if oldest != nil && oldest == c.place {
			oldest = oldest.Next()
		}
		cs.closed.WithLabelValues("all").Inc()
		if oldest == nil {
			return false
		}
		cs.sendAway(oldest.Value.(*connection))
	}
	if c.gone {
		return false
	}
	cs.taken += takes - c.takes
	c.takes = takes
	return true
}

// multiplexes has c counted as a connection of HTTP/2, where there is room for it.
func (c *connection) multiplexes() bool {
	cs := c.of
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.makeRoom(c, takenByHTTP2) {
		return false
	}
	c.http2.Store(true)
	return true
}

// sendAway closes a connection under who serves it, which ends it then.
func (cs *connections) sendAway(c *connection) {
	cs.remove(c)
	cs.leaving += c.takes
	go c.Conn.Close()
}

func (c *connection) Close() error {
	cs := c.of
	cs.mu.Lock()
	if c.gone {
		cs.leaving -= c.takes
	}
	cs.remove(c)
	cs.taken -= c.takes
	c.takes = 0 // it may be closed again
	cs.freed.Broadcast()
	cs.mu.Unlock()
	return c.Conn.Close()
}

func (cs *connections) remove(c *connection) {
	if c.gone {
		return
	}
	c.gone = true
	cs.open--
	cs.stopsWaiting(c)
	cs.count(c, 0)
	if c.address.IsValid() {
		if cs.of[c.address]--; cs.of[c.address] == 0 {
			delete(cs.of, c.address)
		}
	}
}

func (cs *connections) stopsWaiting(c *connection) {
	if c.place != nil {
		cs.waiting.Remove(c.place)
		c.place = nil
	}
}

// handled says that by so many more handlers are at work for the connection.
func (c *connection) handled(by int) {
	cs := c.of
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.handlers += by
	switch {
	case c.handlers > 0:
		cs.stopsWaiting(c)
	case c.place == nil && !c.gone:
		cs.waits(c)
	}
}

// A connection may idle for two minutes, and for one turn more. Where a request has begun at the end
// of that, there is a minute for it: its header has ten seconds, and its body thirty.
const (
	idleTurn  = 30 * time.Second
	idleTurns = 4
	lastTurns = 2
)

// endIdle ends those that idle until ctx is done.
func (cs *connections) endIdle(ctx context.Context) {
	tick := time.NewTicker(idleTurn)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			cs.nextTurn()
		case <-ctx.Done():
			return
		}
	}
}

func (cs *connections) nextTurn() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.turn++
	for e := cs.waiting.Front(); e != nil; {
		c := e.Value.(*connection)
		turns := cs.turn - c.since
		if turns <= idleTurns {
			break
		}
		e = e.Next()
		begun := c.header.Load() > 0 || c.bodies.Load() > 0
		if !begun || turns > idleTurns+lastTurns {
			cs.sendAway(c)
		}
	}
}
