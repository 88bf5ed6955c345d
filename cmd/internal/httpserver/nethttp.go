package httpserver

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

type connKey struct{}

// connOf is the connection that a request came on, or nil.
func connOf(r *http.Request) *trackedConn {
	c, _ := r.Context().Value(connKey{}).(*trackedConn)
	return c
}

// newNetHTTP returns the server of the requests of HTTP/1 that are not plain.
func (s *Server) newNetHTTP() *http.Server {
	rest := &http.Server{
		Handler:           http.HandlerFunc(s.serveNetHTTP),
		ReadHeaderTimeout: headerSeconds * time.Second,
		ReadTimeout:       bodySeconds * time.Second,
		IdleTimeout:       -1, // the tracker closes idle connections
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(io.Discard, "", 0), // it is of what clients do wrong
		Protocols:         new(http.Protocols),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			h := conn.(*handed)
			return context.WithValue(context.WithValue(ctx, connKey{}, h.tracked), handedKey{}, h)
		},
	}
	rest.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			conn.(*handed).answered()
		}
	}
	rest.Protocols.SetHTTP1(true)
	return rest
}

type handedKey struct{}

// serveNetHTTP counts a request of net/http while it is handled.
func (s *Server) serveNetHTTP(w http.ResponseWriter, r *http.Request) {
	h := r.Context().Value(handedKey{}).(*handed)
	c := h.tracked
	r.TLS = h.tls
	header := h.headerCame()
	body := &countedBody{ReadCloser: r.Body, conn: c, charged: header}
	if r.ContentLength == 0 || s.attended(r) {
		body.end()
	} else {
		c.limit(headerSeconds + bodySeconds)
		r.Body = body
	}
	defer s.logPanic(func() { panic(http.ErrAbortHandler) })
	defer func() {
		r.Body = body.ReadCloser // net/http compares it
		body.end()               // it was refused unread
		c.limit(0)
		c.end(header)
	}()
	s.handler.ServeHTTP(w, r)
}

// A countedBody says when a request has come in whole.
type countedBody struct {
	io.ReadCloser
	conn    *trackedConn
	charged int64 // bytes of the request
	ended   bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *countedBody) end() {
	if !b.ended {
		b.ended = true
		b.conn.limit(0)
		b.conn.begin(b.charged)
	}
}

// Evictable is a handler of answers that are the same for every client: a connection whose client does
// not read its answer may be evicted.
func Evictable(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connOf(r); c != nil && r.ProtoMajor == 1 { // for HTTP/2 every answer pauses
			c.busy.Add(-1)
			defer c.busy.Add(1)
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeSeconds * time.Second))
		inner.ServeHTTP(w, r)
	})
}
