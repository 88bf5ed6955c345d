package plainhttp

import (
	"bufio"
	"net"
	"sync"
)

// A handover is the listener of the connections that are net/http's.
type handover struct {
	from   net.Listener
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	err    error
}

func (h *handover) take(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, h.err
	}
}

// fail has net/http hear the error that ended the accepting.
func (h *handover) fail(err error) {
	h.once.Do(func() {
		h.err = err
		close(h.closed)
	})
}

func (h *handover) Close() error {
	err := h.from.Close()
	h.fail(net.ErrClosed)
	return err
}

func (h *handover) Addr() net.Addr { return h.from.Addr() }

// handed is a connection with what was read of it already.
type handed struct {
	net.Conn
	in *bufio.Reader // nil when that is used up
}

func (c *handed) Read(p []byte) (int, error) {
	if c.in == nil {
		return c.Conn.Read(p)
	}
	n, err := c.in.Read(p[:min(len(p), c.in.Buffered())])
	if c.in.Buffered() == 0 {
		c.in.Reset(nil)
		readers.Put(c.in)
		c.in = nil
	}
	return n, err
}

// NetConn is the connection below.
func (c *handed) NetConn() net.Conn { return c.Conn }
