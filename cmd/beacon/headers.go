package main

import (
	"bytes"
	"net"
	"net/http"
)

// Headers that have come and whose requests are not answered are held in memory. A usual one has
// up to freeHeader bytes; what is over that is counted, and may be so much of all connections.
const (
	freeHeader  = 4 << 10
	longHeader  = 32 << 10 // the longest that is taken
	mostHeaders = 16 << 20
)

// Read counts the header that comes.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.preface >= 0 && c.begunHTTP2(p[:n]) && !c.multiplexes() {
		return 0, net.ErrClosed
	}
	if !c.http2.Load() && c.bodies.Load() == 0 {
		if header := c.header.Add(int64(n)); header > freeHeader {
			c.of.large(c, int(min(header, longHeader)))
		}
	}
	return n, err
}

// preface is how a connection begins that speaks HTTP/2 without TLS (RFC 9113, section 3.4).
var preface = []byte("PRI * HTTP/2.0\r\n")

// begunHTTP2 looks at what comes first on a connection, and says when that is the whole preface.
func (c *connection) begunHTTP2(b []byte) bool {
	more := preface[c.preface:]
	n := min(len(b), len(more))
	c.preface += n
	whole := c.preface == len(preface)
	if whole || !bytes.Equal(b[:n], more[:n]) {
		c.preface = -1
	}
	return whole && bytes.Equal(b[:n], more[:n])
}

// large makes room for a header that is large already, as the connection that waits longest with
// such a one is closed; where that is c, it hears of it at its next Read.
func (cs *connections) large(c *connection, header int) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.gone {
		return
	}
	cs.count(c, header)
	for e := cs.waiting.Front(); e != nil && cs.headers > mostHeaders; {
		it := e.Value.(*connection)
		e = e.Next()
		if it.counted > 0 {
			cs.closed.WithLabelValues("headers").Inc()
			cs.sendAway(it)
		}
	}
}

// count has so many bytes of c's in the headers of all.
func (cs *connections) count(c *connection, header int) {
	cs.headers += header - c.counted
	c.counted = header
}

// came returns how many bytes the request's header has, where they are counted until it is
// answered, and whether there is room for them.
func (c *connection) came(r *http.Request) (size int, room bool) {
	if c.header.Swap(0) <= freeHeader && r.ProtoMajor < 2 {
		return 0, true
	}
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	cs := c.of
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.count(c, 0)
	if size += len(r.RequestURI); size <= freeHeader {
		return 0, true
	}
	if cs.headers+size > mostHeaders {
		cs.closed.WithLabelValues("headers").Inc()
		return 0, false
	}
	cs.headers += size
	return size, true
}

func (cs *connections) answered(header int) {
	if header > 0 {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		cs.headers -= header
	}
}
