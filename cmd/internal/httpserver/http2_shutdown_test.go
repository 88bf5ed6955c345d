package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func TestHTTP2Shutdown_RunningRequests_AreAnswered(t *testing.T) {
	eachTransport(t, func(t *testing.T, overTLS bool) {
		started, finish := make(chan bool), make(chan bool)
		s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			started <- true
			<-finish
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
		})})
		idle, c := s.dial(t, overTLS), s.dial(t, overTLS)
		idle.ping()
		c.request("GET", "/", 1, true)
		<-started
		c.post(3, false) // its body is not whole
		c.data(3, false, make([]byte, longBody))
		<-started
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		if f := c.await(http2.FrameGoAway, 0); f.code != http2.ErrCodeNo || f.number != 3 {
			t.Errorf("%v, want NO_ERROR and stream 3", f)
		}
		if f, ok := idle.ends(); !ok || f.code != http2.ErrCodeNo {
			t.Errorf("an idle connection ended with %v", f)
		}
		c.post(5, true) // later: is not answered
		c.data(3, true, make([]byte, 1000))
		c.ping()
		select {
		case err := <-ended:
			t.Fatalf("Shutdown returned %v before the requests were answered", err)
		case <-started:
			t.Fatal("a request after the GOAWAY has reached the handler")
		default:
		}
		finish <- true
		finish <- true
		answered := map[uint32]int{}
		for f := range c.received {
			answered[f.stream] += len(f.data)
			if f.end() && (f.kind == http2.FrameData || f.kind == http2.FrameHeaders) {
				answered[f.stream] += 1 << 20
			}
		}
		if answered[1] != 1<<20 || answered[3] != 1<<20+longBody+1000 || answered[5] != 0 {
			t.Errorf("answered: %v", answered)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if conn, err := net.Dial("unix", s.plain); err == nil {
			conn.Close()
			t.Error("the server still listens")
		}
	})
}

// firstRequest begins HTTP/2 with a GET request on stream 1. The test reads the frames that follow the server's first.
func firstRequest(t *testing.T, conn net.Conn) *frameClient {
	c := newFrameClient(t, conn)
	go func() {
		io.WriteString(conn, http2.ClientPreface)
		c.WriteSettings()
		c.request("GET", "/", 1, true)
	}()
	for range 3 { // SETTINGS, WINDOW_UPDATE, the acknowledgement
		c.ReadFrame()
	}
	return c
}

// The last answer may take long to write. The connection must not be closed meanwhile.
func TestHTTP2Shutdown_LastAnswerIsBeingWritten_ComesWhole(t *testing.T) {
	var finish chan bool
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-finish
		w.Write(make([]byte, 60000))
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		finish = make(chan bool)
		conn := l.dial()
		defer conn.Close()
		c := firstRequest(t, conn)
		synctest.Wait()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(t.Context()) }()
		if f, err := c.ReadFrame(); err != nil || f.Header().Type != http2.FrameGoAway {
			t.Fatal(f, err)
		}
		finish <- true
		got := 0
		for {
			c.WriteWindowUpdate(0, 1) // wakes up what waits
			time.Sleep(time.Second)   // all that Shutdown does is done
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			if f, ok := f.(*http2.DataFrame); ok {
				got += len(f.Data())
				if f.StreamEnded() {
					break
				}
			}
		}
		if got != 60000 {
			t.Errorf("%d bytes came, want 60000", got)
		}
		go io.Copy(io.Discard, conn)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// The reason of an end must come although a handler is writing.
func TestHTTP2Close_BrokenProtocolWhileAnswerIsWritten_GoAwayComes(t *testing.T) {
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 60000)) })}, func(t *testing.T, s *Server, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		c := firstRequest(t, conn)
		synctest.Wait() // the answer waits for the client
		c.WriteRawFrame(http2.FrameData, 0, 0, nil)
		synctest.Wait() // the server has read that
		for {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatalf("the connection ended with %v, without a GOAWAY", err)
			}
			if f, ok := f.(*http2.GoAwayFrame); ok {
				if f.ErrCode != http2.ErrCodeProtocol {
					t.Errorf("%v, want PROTOCOL_ERROR", f)
				}
				return
			}
		}
	})
}

func TestHTTP2Shutdown_NoTimeLeft_ReturnsError(t *testing.T) {
	started, done := make(chan bool), make(chan error, 1)
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-r.Context().Done()
		done <- r.Context().Err()
	})})
	c := s.dial(t, true)
	c.post(1, true)
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown returned %v, want %v", err, context.Canceled)
	}
	c.await(http2.FrameGoAway, 0)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the handler's context has no error")
	}
	c.ends()
}

func TestHTTP2Close_EverythingInProgress_Ends(t *testing.T) {
	started := make(chan bool)
	s := New(Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		switch r.URL.Path {
		case "/context":
			<-r.Context().Done()
		case "/body":
			io.Copy(io.Discard, r.Body)
		case "/write":
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}
	})})
	plain, secure := listenUnix(t, "p"), listenUnix(t, "s")
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(plain) }()
	go func() {
		ended <- s.ServeTLS(secure, &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}})
	}()
	x := &testServer{s, plain.Addr().String(), secure.Addr().String()}
	for _, overTLS := range []bool{true, false} {
		for _, path := range []string{"/context", "/body", "/write"} {
			c := x.dial(t, overTLS)
			c.request("POST", path, 1, false)
			c.data(1, false, make([]byte, longBody))
			<-started
			c.ping()
			c.post(3, false)                 // whose handler does not run yet
			c.Conn.Write([]byte{0, 1, 0, 0}) // and half of a frame
			c.Conn.SetDeadline(time.Time{})  // it is not the client that ends it
			defer c.ends()                   // the connection ends
		}
	}
	silent, err := net.Dial("unix", x.secure) // in the handshake
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begun := x.connect(t, false)
	io.WriteString(begun, http2.ClientPreface[:10])
	old := x.connect(t, false)
	io.WriteString(old, "GET /context HTTP/1.1\r\nHost: x\r\n\r\n") // net/http's
	<-started
	awaitTracker(t, s, "all are accepted", func(tr *tracker) bool { return len(tr.conns) == 9 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("Serve returned %v, want http.ErrServerClosed", err)
		}
	}
	for _, conn := range []net.Conn{silent, begun, old} {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
	awaitReleased(t, s)
	var left []string
	awaitCondition(t, "the package's goroutines end", func() bool {
		left = goroutinesOf(t)
		return len(left) == 0
	}, func() string { return strings.Join(left, "\n\n") })
	if err := s.Serve(listenUnix(t, "later")); err != http.ErrServerClosed {
		t.Errorf("Serve after Close returned %v, want http.ErrServerClosed", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown after Close returned %v", err)
	}
	s.Close() // a second time
}

// A handshake under way does not delay Shutdown, and does not outlive it.
func TestHTTP2Shutdown_HandshakeUnderWay_IsClosed(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	conn, err := net.Dial("unix", s.secure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	awaitTracker(t, s.Server, "it is accepted", func(tr *tracker) bool { return len(tr.conns) == 1 })
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Error(err)
	}
}

// Time limits hold during a Shutdown, or one client could use up all of its time.
func TestHTTP2Shutdown_SilentClient_IsCutOffByItsTimeLimit(t *testing.T) {
	inBubble(t, Options{Handler: seenHandler}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.frames(t)
		c.post(1, false)
		c.data(1, false, []byte("never whole"))
		c.ping()
		began := time.Now()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		onSchedule(t, began, bodySeconds*time.Second)
	})
}
