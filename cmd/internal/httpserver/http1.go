package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

const (
	headerBytes = 4 << 10                // the longest header that is plain
	bodyBytes   = 64 << 10               // the longest body that is plain; no browser's beacon is longer
	lingering   = 500 * time.Millisecond // how long the rest of a body may come after the last answer
)

// An http1Conn is a connection of HTTP/1.1 for as long as its requests are plain.
type http1Conn struct {
	net.Conn // with TLS, where there is any
	tracked  *trackedConn
	waits    atomic.Bool // for a request
	in       *bufio.Reader
	base     *http.Request // its header and what is below are those of head
	values   [24]string    // of base's header, one for each name; there may be more
	head     string        // of the last request; on one connection it is mostly the same
	target   string
	parsed   url.URL // made of target
	host     string
	length   int     // of the body
	url      url.URL // the request's
	request  http.Request
	body     body
	answer   answer
	out      []byte
}

// serveHTTP1 serves a connection until it ends or is handed over. conn is the tracked connection, or
// TLS above it with its state.
func (s *Server) serveHTTP1(tracked *trackedConn, conn net.Conn, state *tls.ConnectionState) {
	c := &http1Conn{Conn: conn, tracked: tracked, in: readers.Get().(*bufio.Reader)}
	c.in.Reset(conn)
	if !s.remember(c) {
		tracked.closed()
		return
	}
	defer s.forget(c)
	ctx := context.WithValue(context.Background(), http.LocalAddrContextKey, conn.LocalAddr())
	ctx = context.WithValue(ctx, connKey{}, tracked)
	c.base = (&http.Request{RemoteAddr: conn.RemoteAddr().String(), TLS: state, Header: http.Header{}}).WithContext(ctx)
	for s.mayWait(c) {
		head, ok := c.readHead()
		if !ok {
			break
		}
		if head == nil || !c.parse(head) {
			s.leave(c, state)
			return
		}
		c.waits.Store(false)
		if !s.handle(c) {
			break
		}
	}
	conn.Close()
	c.in.Reset(nil)
	readers.Put(c.in)
	tracked.closed()
}

// leave has another server go on with the connection, from the request that has begun.
func (s *Server) leave(c *http1Conn, state *tls.ConnectionState) {
	if state == nil && c.request.Method == "" {
		if c.begunWith(http2.ClientPreface[:len("PRI * HTTP/2.0")]) {
			go s.serveHTTP2(c.tracked, c.Conn, c.in, nil)
			return
		}
	}
	if !c.tracked.take(takesNetHTTP) {
		c.Conn.Close()
		c.tracked.closed()
		return
	}
	c.tracked.limit(0)
	s.handover.give(&handed{Conn: c.Conn, tracked: c.tracked, tls: state, in: c.in})
}

// begunWith reports whether the client's bytes begin with text. It reads no more than it needs to tell.
func (c *http1Conn) begunWith(text string) bool {
	for n := 1; n <= len(text); n++ {
		if begun, err := c.in.Peek(n); err != nil || string(begun) != text[:n] {
			return false
		}
	}
	return true
}

// mayWait returns false where the server is closing. It reads closing last, and Shutdown reads waits
// last: so one of them sees the other.
func (s *Server) mayWait(c *http1Conn) bool {
	c.waits.Store(true)
	return !s.closing.Load()
}

func (c *http1Conn) shutdown() {
	if c.waits.Load() {
		c.tracked.Conn.Close()
	}
}

// Close closes the network's connection.
func (c *http1Conn) Close() error { return c.tracked.Conn.Close() }

// readHead returns the next request's header, which is not taken from the reader yet, or nil where
// the request is not plain.
func (c *http1Conn) readHead() (head []byte, ok bool) {
	least := 1
	if c.request.Method != "" {
		c.tracked.limit(0)
		least = 4 // net/http, too, ignores fewer bytes after a request
	}
	for begun := false; ; {
		seen, _ := c.in.Peek(c.in.Buffered())
		// Empty lines before a request are ignored (RFC 9112, section 2.2).
		if n := len(seen) - len(bytes.TrimLeft(seen, "\r\n")); n > 0 {
			c.in.Discard(n)
			continue
		}
		if len(seen) > 0 {
			switch n, whole := headLength(seen); {
			case whole:
				return seen[:n], true
			case len(seen) >= least && (n == 0 || len(seen) == headerBytes):
				return nil, true
			}
			if !begun {
				begun = true
				c.tracked.limit(headerSeconds)
			}
		}
		if _, err := c.in.Peek(len(seen) + 1); err != nil {
			return nil, err == io.EOF && len(seen) >= least // a request that is cut short has an answer
		}
	}
}

// handle answers one request, and reports whether another may follow.
func (s *Server) handle(c *http1Conn) (again bool) {
	inTime := int(c.body.left) <= c.in.Buffered()
	if inTime {
		c.tracked.begin(0)
	} else {
		c.tracked.limit(bodySeconds + 1)
		c.SetReadDeadline(time.Now().Add(bodySeconds * time.Second))
		c.body.whole = func() { c.tracked.begin(0) }
	}
	defer func() {
		if c.body.whole != nil { // the handler did not read the whole body
			c.tracked.begin(0)
			c.body.whole = nil
		}
		if !inTime {
			c.SetReadDeadline(time.Time{})
		}
		c.tracked.end(0)
	}()
	defer s.logPanic(func() { again = false })
	s.handler.ServeHTTP(&c.answer, &c.request)
	if s.closing.Load() {
		c.answer.header.Set("Connection", "close")
	}
	keep := !closes(c.answer.header)
	if keep && c.body.left > 0 { // the rest of the body comes before the next request
		_, err := io.Copy(io.Discard, &c.body)
		keep = err == nil
	}
	c.out = c.answer.appendTo(c.out[:0])
	c.tracked.writing.Store(max(1, c.tracked.tracker.clock.Load()))
	_, err := c.Write(c.out)
	c.tracked.writing.Store(0)
	if !keep && err == nil && c.body.left > 0 {
		// To close with unread bytes could reset the connection before the client reads the answer.
		c.SetReadDeadline(time.Now().Add(lingering))
		io.Copy(io.Discard, &c.body)
	}
	if cap(c.out) > headerBytes {
		c.out, c.answer.body = nil, bytes.Buffer{} // not kept while the connection idles
	}
	return keep && err == nil
}

// closes reports whether the header of an answer has Connection: close.
func closes(answer http.Header) bool {
	values := answer["Connection"]
	return len(values) > 0 && values[0] == "close"
}

// A body is what follows a header, of a length that is known.
type body struct {
	in    *bufio.Reader
	left  int64
	whole func() // called when it has come in whole; may be nil
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0:
		if b.whole != nil {
			b.whole()
			b.whole = nil
		}
		return n, io.EOF // at once: the next Read would be a call for nothing
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *body) Close() error { return nil }
