// Package plainhttp serves the plainest of requests, a POST with a short header and a short
// body over HTTP/1.1, with the least work that HTTP allows, and leaves the rest to net/http: a
// connection that asks for anything else is net/http's from there on.
//
// Of the CPU time that net/http takes for a beacon, this takes half. It is no parser of its
// own opinions: what it isn't sure of it doesn't answer.
package plainhttp

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	headerBytes = 4 << 10                // the longest header that is plain
	bodyBytes   = 64 << 10               // the longest body that is plain: no browser's beacon is longer
	lingering   = 500 * time.Millisecond // is how long what is left of a body may come after the last answer
)

// A Server is an http.Server whose Handler also answers the plain requests, in the same way:
// the two differ in nothing that a client or a handler can tell, but that a plain request's
// context is not done when its client goes away, that its answer can't be flushed before it is
// whole, that no answer comes before it (1xx) and no deadline is the handler's to set, and that its
// URL, header and body are the handler's no longer than it runs. Of its other
// fields ReadHeaderTimeout, ReadTimeout, IdleTimeout, ConnContext and ErrorLog hold for both.
type Server struct {
	*http.Server

	closing atomic.Bool // is set under mu

	mu    sync.Mutex
	conns map[*conn]struct{}
	gone  sync.Cond // one of conns is
}

// Serve accepts connections until Shutdown, and returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	rest := &handover{from: l, conns: make(chan net.Conn), closed: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- s.Server.Serve(rest) }()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		switch temporary, ok := err.(interface{ Temporary() bool }); {
		case err == nil:
			pause = 0
			go s.serve(c, rest)
		case ok && temporary.Temporary(): // too many files are open, say
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logf("plainhttp: accept: %v; again in %v", err, pause)
			time.Sleep(pause)
		default:
			rest.fail(err)
			return <-ended // net/http knows whether it was told to end
		}
	}
}

// Shutdown ends as http.Server.Shutdown does: requests that have begun are finished.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing.Store(true)
	for c := range s.conns {
		if c.waits.Load() {
			c.Close()
		}
	}
	s.mu.Unlock()
	err := s.Server.Shutdown(ctx)
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gone.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone.L = &s.mu
	for len(s.conns) > 0 && ctx.Err() == nil {
		s.gone.Wait()
	}
	return errors.Join(err, ctx.Err())
}

// Close ends all connections at once.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closing.Store(true)
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	return s.Server.Close()
}

func (s *Server) remember(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[*conn]struct{}{}
	}
	s.conns[c] = struct{}{}
}

// mayWait says that c waits for a request, or, where it is false, that it must end instead. It
// looks at closing last, and Shutdown at the connections last: so one of them sees the other.
func (s *Server) mayWait(c *conn) bool {
	c.waits.Store(true)
	return !s.closing.Load()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closing.Load() {
		s.gone.Broadcast()
	}
}

func (s *Server) logf(format string, args ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headerBytes) }}

// A conn is a connection for as long as it asks for plain things.
type conn struct {
	net.Conn
	waits    atomic.Bool // for a request
	in       *bufio.Reader
	deadline time.Time // for reading; zero is none
	base     *http.Request
	values   [24]string // of base's header, one for each name; there may be more
	target   string     // of the last request: on one connection it is mostly the same
	parsed   url.URL    // made of that
	url      url.URL    // the request's
	request  http.Request
	body     body
	answer   answer
	out      []byte
}

func (s *Server) serve(inner net.Conn, rest *handover) {
	c := &conn{Conn: inner, in: readers.Get().(*bufio.Reader)}
	c.in.Reset(inner)
	s.remember(c)
	defer s.forget(c)
	ctx := context.WithValue(context.Background(), http.ServerContextKey, s.Server)
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, inner.LocalAddr())
	if s.ConnContext != nil {
		ctx = s.ConnContext(ctx, inner)
	}
	c.base = (&http.Request{RemoteAddr: inner.RemoteAddr().String(), Header: http.Header{}}).WithContext(ctx)
	defer func() {
		if err := recover(); err != nil {
			if err != http.ErrAbortHandler {
				s.logf("plainhttp: panic serving %v: %v\n%s", inner.RemoteAddr(), err, debug.Stack())
			}
			inner.Close()
		}
	}()
	for s.mayWait(c) {
		head, ok := s.readHead(c)
		if !ok {
			break
		}
		if head == nil || !c.parse(head) {
			inner.SetReadDeadline(time.Time{})
			s.forget(c)
			rest.take(&handed{Conn: inner, in: c.in})
			return
		}
		c.waits.Store(false)
		if !s.handle(c) {
			break
		}
	}
	inner.Close()
	c.in.Reset(nil)
	readers.Put(c.in)
}

// readHead returns the next request's header, which is not taken from the reader yet; nil
// where that can't be a plain one's.
func (s *Server) readHead(c *conn) (head []byte, ok bool) {
	// Some clients send an empty line after a POST's body (RFC 9112, section 2.2). As net/http
	// does, this leaves it out of the next four bytes, and answers nothing that is shorter.
	after := c.request.Method != ""
	patience := cmp.Or(s.ReadHeaderTimeout, s.ReadTimeout)
	if after {
		c.allow(cmp.Or(s.IdleTimeout, s.ReadTimeout))
	} else {
		c.allow(patience)
	}
	for begun := !after; ; {
		seen, _ := c.in.Peek(c.in.Buffered())
		if after && len(seen) >= 4 {
			after = false
			c.in.Discard(4 - len(bytes.TrimLeft(seen[:4], "\r\n")))
			continue
		}
		if len(seen) > 0 && !after {
			switch n, whole := headLength(seen); {
			case whole:
				return seen[:n], true
			case n == 0 || len(seen) == headerBytes:
				return nil, true
			}
			if !begun {
				begun = true
				c.deadline = time.Time{}
				c.allow(patience)
			}
		}
		if _, err := c.in.Peek(len(seen) + 1); err != nil {
			return nil, err == io.EOF && len(seen) > 0 && !after // what is cut short has an answer
		}
	}
}

// allow gives the client so long, at least, for what it sends next; as long as it likes where that
// is not over 0. To set a deadline has its price, and so one that is a little later than it need be
// stays.
func (c *conn) allow(d time.Duration) {
	if d <= 0 {
		if !c.deadline.IsZero() {
			c.deadline = time.Time{}
			c.SetReadDeadline(c.deadline)
		}
		return
	}
	if now := time.Now(); c.deadline.Before(now.Add(d)) {
		c.deadline = now.Add(d + d/8)
		c.SetReadDeadline(c.deadline)
	}
}

// handle answers one request, and says whether another may follow.
func (s *Server) handle(c *conn) bool {
	if int(c.body.left) > c.in.Buffered() && s.ReadTimeout > 0 {
		c.deadline = time.Now().Add(s.ReadTimeout)
		c.SetReadDeadline(c.deadline)
	}
	s.Handler.ServeHTTP(&c.answer, &c.request)
	if s.closing.Load() {
		c.answer.header.Set("Connection", "close")
	}
	keep := c.answer.header.Get("Connection") != "close"
	if keep { // what is left of the body is in the way of the next request
		_, err := io.Copy(io.Discard, &c.body)
		keep = err == nil
	}
	c.out = c.answer.appendTo(c.out[:0])
	_, err := c.Write(c.out)
	if !keep && err == nil && c.body.left > 0 {
		// To close over bytes that nobody read could take the answer back.
		c.SetReadDeadline(time.Now().Add(lingering))
		io.Copy(io.Discard, &c.body)
	}
	if cap(c.out) > headerBytes {
		c.out, c.answer.body = nil, bytes.Buffer{} // not kept while the connection idles
	}
	return keep && err == nil
}

// A body is what follows a header, of a length that is known.
type body struct {
	in   *bufio.Reader
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF // at once: the next Read would be a call for nothing
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *body) Close() error { return nil }
