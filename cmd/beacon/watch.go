package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
)

type connectionKey struct{}

// watch has the server's handler tell when a connection is at work.
func (cs *connections) watch(s *http.Server) {
	s.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, counted(conn))
	}
	inner := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(connectionKey{}).(*connection)
		if c == nil {
			inner.ServeHTTP(w, r)
			return
		}
		if r.ProtoMajor == 2 && !c.multiplexes() {
			refuse(w, "Too many connections are open; try again later.")
			return
		}
		header, room := c.came(r)
		if !room {
			refuse(w, "Too many large headers are coming in; try again later, or send less of them.")
			return
		}
		defer c.of.answered(header)
		b := arriving{ReadCloser: r.Body, of: c}
		if r.ContentLength == 0 || strings.HasPrefix(r.URL.EscapedPath(), collect.Operators) {
			b.ends() // operators' requests are attended to from the start: an import can take its time
		}
		if r.ContentLength != 0 {
			r.Body = &b
			c.bodies.Add(1)
			defer c.bodies.Add(-1)
		}
		defer func() {
			r.Body = b.ReadCloser // net/http knows its own
			if !b.ended {
				b.ends() // it was refused unread: the next wait is a new one
			}
			c.handled(-1)
		}()
		inner.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, why string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Retry-After", "1")
	http.Error(w, why, http.StatusServiceUnavailable)
}

// unattended is a handler of what lies ready for everybody: to read it is the client's, whose
// connection waits for it meanwhile.
func unattended(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, _ := r.Context().Value(connectionKey{}).(*connection); c != nil {
			c.handled(-1)
			defer c.handled(1)
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(impatient.Patience))
		inner.ServeHTTP(w, r)
	})
}

// arriving is a body that its connection waits for. The wait is the one that began before the
// header: who sends byte after byte gets no later place by that.
type arriving struct {
	io.ReadCloser
	of    *connection
	ended bool
}

func (b *arriving) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !b.ended {
		b.ends()
	}
	return n, err
}

func (b *arriving) ends() {
	b.ended = true
	b.of.handled(1)
}

// counted finds the connection below TLS and the PROXY protocol.
func counted(conn net.Conn) *connection {
	for {
		switch c := conn.(type) {
		case *connection:
			return c
		case interface{ NetConn() net.Conn }: // *tls.Conn
			conn = c.NetConn()
		case interface{ Raw() net.Conn }: // *proxyproto.Conn
			conn = c.Raw()
		default:
			return nil
		}
	}
}
