package httpserver

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// A handover is the listener of the connections that net/http serves.
type handover struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (h *handover) give(c *handed) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept is part of net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr is part of net.Listener.
func (h *handover) Addr() net.Addr { return &net.TCPAddr{} }

// handed is a connection that net/http serves, with what was read of it already.
type handed struct {
	net.Conn
	tracked *trackedConn
	tls     *tls.ConnectionState // nil without TLS
	in      *bufio.Reader        // nil when it is used up
	once    sync.Once

	closed   atomic.Bool
	handling atomic.Bool  // what is read is a body's
	header   atomic.Int64 // bytes of the next request's header
	charged  atomic.Int64 // of that; only what exceeds a usual header is charged
}

// usualHeader is the part in bytes of a header that is not charged.
const usualHeader = 4 << 10

func (c *handed) Read(p []byte) (n int, err error) {
	if c.in != nil {
		n, err = c.in.Read(p[:min(len(p), c.in.Buffered())])
		if c.in.Buffered() == 0 {
			c.in.Reset(nil)
			readers.Put(c.in)
			c.in = nil
		}
	} else {
		n, err = c.Conn.Read(p)
	}
	if n > 0 && !c.handling.Load() {
		header := c.header.Add(int64(n))
		if more := min(header, maxHeader) - usualHeader - c.charged.Load(); more > 0 {
			if !c.tracked.charge(more) {
				return 0, net.ErrClosed
			}
			c.charged.Add(more)
			if c.closed.Load() {
				c.release()
			}
		}
	}
	return n, err
}

// release gives back what is charged for a header.
func (c *handed) release() {
	if n := c.charged.Swap(0); n > 0 {
		c.tracked.unfinished.Add(-n)
		c.tracked.release(n)
	}
}

// headerCame ends the counting of a request's header, and returns the bytes of it that are charged.
func (c *handed) headerCame() int64 {
	c.handling.Store(true)
	c.header.Store(0)
	return c.charged.Swap(0)
}

// answered begins the counting of the next header, after a request's body was read to its end.
func (c *handed) answered() { c.handling.Store(false) }

func (c *handed) Close() (err error) {
	c.once.Do(func() {
		err = c.Conn.Close()
		c.closed.Store(true)
		c.release()
		c.tracked.closed()
	})
	return err
}
