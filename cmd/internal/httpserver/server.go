// Package httpserver serves HTTP to many clients in bounded memory. It speaks HTTP/1.1 and HTTP/2,
// with and without TLS.
//
// A plain request of HTTP/1.1, which is a POST with a short header and body, is read and answered
// here with the least work that HTTP allows; any other one hands its connection over to net/http.
// HTTP/2 is served here: net/http's server takes twice the memory and half as much CPU time again.
package httpserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMemory is the default of Options.Memory, in bytes.
const DefaultMemory = 192 << 20

// maxHeader is the longest header in bytes. A longer one is answered 431.
const maxHeader = 32 << 10

// Options configure a Server. Only Handler is needed.
type Options struct {
	// Handler answers the requests. For a plain request of HTTP/1.1 its ResponseWriter keeps the
	// answer until the handler returns, and has no deadlines to set; the request's URL, header
	// and body are valid until then.
	Handler http.Handler
	// Memory is how many bytes connections and their requests may take. Default: DefaultMemory.
	Memory int64
	// PerAddress is how many connections one client IP (IPv6: one /64) may have at a time.
	// Default: 0, any number.
	PerAddress int
	// Proxies are exempt from PerAddress.
	Proxies []netip.Prefix
	// ProxyProtocol has connections of Proxies begin with the PROXY protocol, version 1 or 2.
	ProxyProtocol bool
	// Attended reports whether a request's connection must not be evicted while its body comes in.
	// Default: none.
	Attended func(*http.Request) bool
	// Logger logs panics of handlers and failures to accept. Default: they are not logged.
	Logger *slog.Logger
}

// A Server is an HTTP server. Its methods are safe for concurrent use.
type Server struct {
	handler  http.Handler
	attended func(*http.Request) bool
	log      *slog.Logger
	tracker  *tracker
	proxied  bool         // proxies speak the PROXY protocol
	rest     *http.Server // of the requests of HTTP/1 that are not plain
	handover *handover

	closing atomic.Bool // set under mu
	done    chan struct{}
	stopped sync.Once // done is closed

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[served]struct{}
	gone      sync.Cond // conns has one less
}

// A served is a connection that this package serves, not net/http.
type served interface {
	shutdown() // ends the connection once its requests are answered
	Close() error
}

// New returns a Server that listens nowhere yet.
func New(o Options) *Server {
	s := &Server{handler: o.Handler, attended: o.Attended, log: o.Logger, tracker: newTracker(&o), proxied: o.ProxyProtocol, done: make(chan struct{}),
		listeners: map[net.Listener]struct{}{}, conns: map[served]struct{}{}}
	s.gone.L = &s.mu
	if s.attended == nil {
		s.attended = func(*http.Request) bool { return false }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.handover = &handover{conns: make(chan net.Conn), closed: make(chan struct{})}
	s.rest = s.newNetHTTP()
	go s.rest.Serve(s.handover)
	go s.tracker.run(s.done)
	return s
}

// Serve accepts connections from l until Shutdown or Close, and returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, nil) }

// ServeTLS is Serve over TLS. The configuration's protocols are set here.
func (s *Server) ServeTLS(l net.Listener, config *tls.Config) error {
	config = config.Clone()
	// The first one that both know is spoken. Others, such as that of ACME's challenge, are the caller's.
	config.NextProtos = append([]string{"h2", "http/1.1"}, config.NextProtos...)
	return s.serve(l, config)
}

func (s *Server) serve(l net.Listener, config *tls.Config) error {
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		l.Close()
		return http.ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch temporary, ok := err.(interface{ Temporary() bool }); {
		case err == nil:
			pause = 0
			c := s.tracker.add(conn)
			if c == nil {
				conn.Close()
				continue
			}
			go s.begin(c, config)
		case s.closing.Load():
			return http.ErrServerClosed
		case ok && temporary.Temporary(): // such as too many open files
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Warn("connections can't be accepted", "error", err, "again_in", pause)
			time.Sleep(pause)
		default:
			return err
		}
	}
}

// begin finds out what a new connection speaks.
func (s *Server) begin(c *trackedConn, config *tls.Config) {
	if s.proxied && contains(s.tracker.exempt, addressOf(c.Conn.RemoteAddr())) {
		s.tracker.mu.Lock()
		c.Conn = behindProxy(c.Conn)
		s.tracker.mu.Unlock()
	}
	if config == nil {
		s.serveHTTP1(c, c.Conn, nil)
		return
	}
	conn := tls.Server(c.Conn, config)
	if !c.take(takesTLS) {
		c.closed()
		return
	}
	if err := conn.Handshake(); err != nil {
		answerPlainHTTP(err)
		c.closed()
		return
	}
	state := conn.ConnectionState()
	switch state.NegotiatedProtocol {
	case "h2":
		// In a goroutine of its own, as a handshake takes much of a stack.
		go s.serveHTTP2(c, conn, conn, &state)
	case "", "http/1.1":
		go s.serveHTTP1(c, conn, &state)
	default: // the handshake was all
		conn.Close()
		c.closed()
	}
}

// answerPlainHTTP answers a client that speaks HTTP without TLS to a port with TLS.
func answerPlainHTTP(err error) {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return
	}
	switch string(header.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		io.WriteString(header.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks https: ask with https:// in the URL.\n")
	}
}

// Shutdown closes the listeners and the idle connections, and returns when all requests that have
// begun are answered, or with ctx's error when that is done.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close(func(c served) { c.shutdown() })
	err := s.rest.Shutdown(ctx)
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gone.Broadcast()
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) > 0 && ctx.Err() == nil {
		s.gone.Wait()
	}
	if err = errors.Join(err, ctx.Err()); err == nil {
		s.stop() // it closes handshakes, which are not in conns
	}
	return err
}

// stop closes the connections that are left, and ends the time limits.
func (s *Server) stop() {
	s.tracker.closeAll()
	s.stopped.Do(func() { close(s.done) })
}

// Close closes the listeners and all connections.
func (s *Server) Close() error {
	s.close(func(c served) { c.Close() })
	s.stop()
	return s.rest.Close()
}

func (s *Server) close(each func(served)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.Store(true)
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		each(c)
	}
}

// remember returns false where the server is closing.
func (s *Server) remember(c served) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.closing.Load() {
		s.gone.Broadcast()
	}
}

// logPanic, when it is deferred, logs a handler's panic, and calls afterwards where there was one. The
// client's address is not logged.
func (s *Server) logPanic(afterwards func()) {
	err := recover()
	if err == nil {
		return
	}
	if err != http.ErrAbortHandler {
		s.log.Error("panic while serving", "panic", err, "stack", string(debug.Stack()))
	}
	afterwards()
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headerBytes) }}
