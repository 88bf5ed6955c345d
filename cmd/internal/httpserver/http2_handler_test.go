package httpserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// A flushed part must arrive before the handler ends.
func TestHTTP2Handler_Flushes_PartsArriveOneByOne(t *testing.T) {
	eachTransport(t, func(t *testing.T, overTLS bool) {
		next, written := make(chan string), make(chan error)
		s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn := http.NewResponseController(w)
			w.Header().Set("X-Early", "1")
			written <- conn.Flush() // only the header
			for part := range next {
				io.WriteString(w, part)
				written <- conn.Flush()
			}
		})})
		go func() {
			if err := <-written; err != nil {
				t.Error(err)
			}
		}()
		res, err := s.client(t, overTLS).Get(testURL(overTLS, "/"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.Header.Get("X-Early") != "1" || res.ContentLength != -1 {
			t.Errorf("header %v, length %d; want X-Early and no length", res.Header, res.ContentLength)
		}
		for _, part := range []string{"a", "bc", strings.Repeat("d", 20000)} {
			next <- part
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(part))
			if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != part {
				t.Fatalf("read %.20q, %v; want %.20q", got, err, part)
			}
		}
		close(next)
		if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
			t.Errorf("at the end: %q, %v", rest, err)
		}
	})
}

func TestHTTP2Handler_Request_HasItsConnectionsValues(t *testing.T) {
	for _, overTLS := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan *http.Request, 1)
		s := New(Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Clone(r.Context()) })})
		defer s.Close()
		var conn net.Conn
		if overTLS {
			go s.ServeTLS(l, &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}})
			conn, err = tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, ServerName: "test.example"})
		} else {
			go s.Serve(l)
			conn, err = net.Dial("tcp", l.Addr().String())
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := newFrameClient(t, conn)
		c.begin()
		c.request("GET", "/a%2Fb?c", 1, true)
		r := <-seen
		if got, want := r.RemoteAddr, conn.LocalAddr().String(); got != want {
			t.Errorf("RemoteAddr is %q, want %q", got, want)
		}
		if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok || a.String() != conn.RemoteAddr().String() {
			t.Errorf("the context's local address is %v, want %v", a, conn.RemoteAddr())
		}
		if r.Context().Value("unknown") != nil {
			t.Error("the context has a value of an unknown key")
		}
		if _, ok := r.Context().Deadline(); ok {
			t.Error("the context has a deadline")
		}
		if (r.TLS != nil) != overTLS || overTLS && (r.TLS.ServerName != "test.example" || r.TLS.NegotiatedProtocol != "h2" || !r.TLS.HandshakeComplete) {
			t.Errorf("over TLS %v: r.TLS is %+v", overTLS, r.TLS)
		}
		if r.Proto != "HTTP/2.0" || r.ProtoMajor != 2 || r.ProtoMinor != 0 || r.Host != "test.example" || r.RequestURI != "/a%2Fb?c" || r.URL.Path != "/a/b" || r.URL.RawQuery != "c" {
			t.Errorf("%s %d.%d %q %q %+v", r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, r.RequestURI, r.URL)
		}
		c.expectStatus(1, "200")
		if err := r.Context().Err(); err == nil {
			<-r.Context().Done() // it follows the answer
		}
	}
}

// A handler's changes of its URL and header are its own.
func TestHTTP2Handler_ChangesItsRequest_NextOneIsUnchanged(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path+r.URL.RawQuery+r.Header.Get("X-A")+r.Host)
		r.URL.Path, r.URL.RawQuery, r.Host = "/changed", "changed", "changed"
		r.Header.Set("X-A", "changed")
	})})
	c := s.dial(t, false)
	for i := range uint32(3) {
		c.request("GET", "/same?q", 2*i+1, true, "x-a", "1")
		if header, _, _ := c.answer(2*i + 1); header["x-path"] != "/sameq1test.example" {
			t.Errorf("request %d: %v", i, header)
		}
	}
}

func TestHTTP2Handler_Panics_LogsOnceAndConnectionGoesOn(t *testing.T) {
	eachTransport(t, func(t *testing.T, overTLS bool) {
		log := new(logBuffer)
		s := serveTest(t, Options{Logger: slog.New(slog.NewTextHandler(log, nil)), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/abort":
				panic(http.ErrAbortHandler)
			case "/panic":
				panic("out of order")
			case "/later":
				w.Write(make([]byte, 100000))
				panic("out of paper")
			}
		})})
		c := s.dial(t, overTLS, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		c.WriteWindowUpdate(0, 1<<20)
		for i, path := range []string{"/abort", "/panic", "/later"} {
			stream := uint32(4*i + 1)
			c.request("GET", path, stream, true)
			if _, _, code := c.answer(stream); code != http2.ErrCodeInternal {
				t.Errorf("%s: reset with %v, want INTERNAL_ERROR", path, code)
			}
			c.request("GET", "/", stream+2, true)
			c.expectStatus(stream+2, "200")
		}
		text := log.String()
		if strings.Count(text, "out of order") != 1 || strings.Count(text, "out of paper") != 1 || strings.Count(text, "panic while serving") != 2 {
			t.Errorf("logged:\n%s", text)
		}
		if !strings.Contains(text, "http2_handler_test.go") {
			t.Errorf("the log has no stack:\n%s", text)
		}
	})
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func TestHTTP2Handler_ClientCancels_ContextIsDone(t *testing.T) {
	for name, wait := range map[string]func(*http.Request) error{
		"Done": func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() },
		"child": func(r *http.Request) error {
			ctx, end := context.WithCancel(r.Context())
			defer end()
			<-ctx.Done()
			return ctx.Err()
		},
		"body": func(r *http.Request) error { _, err := io.Copy(io.Discard, r.Body); return err },
		"AfterFunc": func(r *http.Request) error {
			c := make(chan error)
			context.AfterFunc(r.Context(), func() { c <- r.Context().Err() })
			return <-c
		},
	} {
		t.Run(name, func(t *testing.T) {
			started, ended := make(chan bool), make(chan error)
			s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				started <- true
				ended <- wait(r)
				w.Write(make([]byte, 100)) // is not sent
			})})
			c := s.dial(t, false)
			c.post(1, false)
			c.data(1, false, make([]byte, longBody))
			<-started
			c.WriteRSTStream(1, http2.ErrCodeCancel)
			if err := <-ended; err == nil {
				t.Error("the handler got no error")
			}
			c.post(3, true)
			<-started
			c.Conn.Close() // the connection's end is a cancel too
			if name == "body" {
				if err := <-ended; err != nil {
					t.Errorf("a request without a body: %v", err)
				}
			} else if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the connection is closed: %v, want %v", err, context.Canceled)
			}
		})
	}
}

// Handlers that don't look at the context go on, and hold memory only until they end.
func TestHTTP2Handler_IgnoresCancel_HoldsMemoryUntilItEnds(t *testing.T) {
	started, finish := make(chan bool), make(chan bool)
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-finish
	})})
	c := s.dial(t, false)
	for i := range uint32(10) {
		c.post(2*i+1, true)
		<-started
		c.WriteRSTStream(2*i+1, http2.ErrCodeCancel)
	}
	c.ping()
	if requests := s.tracker.requests.Load(); requests < 10*takesHandler {
		t.Errorf("%d bytes are counted for 10 running handlers, want at least %d", requests, 10*takesHandler)
	}
	for range 10 {
		finish <- true
	}
	awaitTracker(t, s.Server, "requests are released", func(tr *tracker) bool { return tr.requests.Load() == 0 })
}

func TestHTTP2Handler_Expect_GetsContinueBeforeBody(t *testing.T) {
	eachTransport(t, func(t *testing.T, overTLS bool) {
		s := serveTest(t, Options{Handler: http.HandlerFunc(describe)})
		for _, n := range []int{10, 100000} {
			continued := 0
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { continued++ },
				Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { return nil }})
			r, _ := http.NewRequestWithContext(ctx, "POST", testURL(overTLS, "/"), bytes.NewReader(make([]byte, n)))
			r.Header.Set("Expect", "100-continue")
			res, err := s.client(t, overTLS).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			if !strings.Contains(string(body), fmt.Sprintf("body %d ", n)) || continued != 1 {
				t.Errorf("%d bytes: %d times 100, answered %s", n, continued, body)
			}
		}
	})
}

// What ResponseController offers must work, and what it doesn't must say so.
func TestHTTP2Handler_ResponseController_SupportsDeadlinesAndFlush(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn := http.NewResponseController(w)
		if err := errors.Join(conn.SetReadDeadline(time.Now().Add(time.Hour)), conn.SetWriteDeadline(time.Now().Add(time.Hour)), conn.EnableFullDuplex(), conn.Flush()); err != nil {
			t.Error(err)
		}
		if _, _, err := conn.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Hijack: %v, want %v", err, http.ErrNotSupported)
		}
		io.CopyN(io.Discard, r.Body, longBody)
		conn.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a read after its deadline: %v, want %v", err, os.ErrDeadlineExceeded)
		}
		conn.SetReadDeadline(time.Time{})
	})})
	c := s.dial(t, false)
	c.post(1, false)
	c.data(1, false, make([]byte, longBody))
	c.expectStatus(1, "200")
}
