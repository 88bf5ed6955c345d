package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// A testRequest is a connection with one POST or GET on it, of any version of HTTP.
type testRequest struct {
	conn   net.Conn
	frames *frameClient // nil for HTTP/1.1
	in     *bufio.Reader
}

func beginRequest(t *testing.T, s *testServer, version string) *testRequest {
	t.Helper()
	switch version {
	case "HTTP/1.1":
		conn := s.connect(t, false)
		return &testRequest{conn: conn, in: bufio.NewReader(conn)}
	default:
		c := s.dial(t, version == "HTTP/2 over TLS", http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		c.WriteWindowUpdate(0, 1<<30)
		c.ping()
		return &testRequest{conn: c.Conn, frames: c}
	}
}

// send sends a request's header, and the first part of a body of so many bytes.
func (r *testRequest) send(method, path string, length int, part string) {
	if r.frames == nil {
		fmt.Fprintf(r.conn, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, path, length, part)
		return
	}
	r.frames.request(method, path, 1, length == 0, "content-length", fmt.Sprint(length))
	if part != "" {
		r.frames.data(1, len(part) == length, []byte(part))
	}
}

// finish sends the last part of a body.
func (r *testRequest) finish(part string) {
	if r.frames == nil {
		io.WriteString(r.conn, part)
		return
	}
	r.frames.data(1, true, []byte(part))
}

// status returns the answer's status, or an error's text.
func (r *testRequest) status() string {
	if r.frames != nil {
		r.frames.Helper()
		header, _, code := r.frames.answer(1)
		if code != 0 {
			return code.String()
		}
		return header[":status"]
	}
	r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	res, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return err.Error()
	}
	io.Copy(io.Discard, res.Body)
	return fmt.Sprint(res.StatusCode)
}

// isClosed fails the test unless the server closes the connection.
func (r *testRequest) isClosed(t *testing.T, name string) {
	t.Helper()
	if r.frames != nil {
		r.frames.ends()
		return
	}
	r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, r.conn); errors.Is(err, net.ErrClosed) || err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("%s: the connection is not closed: %v", name, err)
	}
}

// Without room the connections that wait for their clients are evicted. Those whose request is being
// answered, or attended to, stay.
func TestConnections_NoMemory_EvictsWaitingOnes(t *testing.T) {
	for version, takes := range map[string]int64{"HTTP/1.1": takesHTTP + takesNetHTTP, "h2c": takesHTTP, "HTTP/2 over TLS": takesHTTP + takesTLS} {
		t.Run(version, func(t *testing.T) {
			hold, held, unreadConn := make(chan bool), make(chan bool), make(chan *trackedConn, 1)
			page := Evictable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				unreadConn <- connOf(r)
				for {
					if _, err := w.Write(make([]byte, 1<<20)); err != nil {
						return
					}
				}
			}))
			s := serveTest(t, Options{
				Memory:   15 * takes,
				Attended: func(r *http.Request) bool { return r.URL.EscapedPath() == "/-/import" },
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.EscapedPath() {
					case "/page":
						page.ServeHTTP(w, r)
						return
					case "/-/import":
						held <- true
					}
					io.Copy(io.Discard, r.Body)
					if r.URL.Path == "/hold" {
						held <- true
						<-hold
					}
					w.WriteHeader(204)
				}),
			})
			served := beginRequest(t, s, version) // the oldest of all, but it is being answered
			served.send("POST", "/hold", 0, "")
			<-held
			imports := beginRequest(t, s, version)
			imports.send("PUT", "/-/import", 2, "a")
			<-held
			waiting := map[string]*testRequest{}
			for _, name := range []string{"silent", "half a header", "half a body", "half a body of a path that looks like an operator's", "answer that is not read", "idle"} {
				waiting[name] = beginRequest(t, s, version)
			}
			if version == "HTTP/1.1" {
				io.WriteString(waiting["half a header"].conn, "POST / HT")
			} else {
				waiting["half a header"].conn.Write(appendFrame(nil, 100, http2.FrameHeaders, 0, 1))
			}
			waiting["half a body"].send("POST", "/", 2, "a")
			waiting["half a body of a path that looks like an operator's"].send("POST", "/%2D/import", 2, "a")
			unread := waiting["answer that is not read"]
			unread.conn.SetReadDeadline(time.Now()) // stops the reading of frames
			unread.send("GET", "/page", 0, "")
			stuck := <-unreadConn
			idle := waiting["idle"]
			idle.send("POST", "/", 0, "")
			if got := idle.status(); got != "204" {
				t.Fatal(got)
			}
			awaitTracker(t, s.Server, "the answer is counted", func(tr *tracker) bool {
				for c := range tr.conns {
					if c.uses.Load() == 1 {
						return true
					}
				}
				return false
			})
			isOpen := func(c *trackedConn) bool {
				s.tracker.mu.Lock()
				defer s.tracker.mu.Unlock()
				return !c.gone
			}
			for i := 0; i < 40 || i < 100 && isOpen(stuck); i++ { // until the answer fills the socket, it is being read
				s.tracker.clock.Add(1)
				r := beginRequest(t, s, version)
				r.send("POST", "/", 3, "abc")
				if got := r.status(); got != "204" {
					t.Fatalf("request %d: %s", i, got)
				}
			}
			for name, r := range waiting {
				if name == "answer that is not read" {
					r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
					if _, err := io.Copy(io.Discard, r.conn); err != nil && strings.Contains(err.Error(), "timeout") {
						t.Errorf("%s: the connection is not closed: %v", name, err)
					}
					continue
				}
				r.isClosed(t, name)
			}
			imports.finish("b")
			if got := imports.status(); got != "204" {
				t.Errorf("an attended body: %s", got)
			}
			close(hold)
			if got := served.status(); got != "204" {
				t.Errorf("a request that is being answered: %s", got)
			}
		})
	}
}

func TestConnections_OneAddress_HasLimitedConnections(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 as its own addresses")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Handler: seenHandler, PerAddress: 3, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	defer s.Close()
	go s.Serve(l)
	open := func(from string) *testRequest {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		r := &testRequest{conn: conn, in: bufio.NewReader(conn)}
		r.send("POST", "/", 0, "")
		return r
	}
	first := open("127.0.0.2")
	for _, r := range []*testRequest{first, open("127.0.0.2"), open("127.0.0.2"), open("127.0.0.3"), open("127.0.0.9"), open("127.0.0.9"), open("127.0.0.9"), open("127.0.0.9")} {
		if got := r.status(); got != "200" {
			t.Errorf("within the limit: %s", got)
		}
	}
	if got := open("127.0.0.2").status(); got == "200" {
		t.Error("a fourth connection of one address is answered")
	}
	first.conn.Close()
	awaitTracker(t, s, "the closed connection is forgotten", func(tr *tracker) bool { return tr.of[netip.MustParseAddr("127.0.0.2")] == 2 })
	if got := open("127.0.0.2").status(); got != "200" {
		t.Errorf("after another one was closed: %s", got)
	}
}

// A handler of Evictable may be evicted also where its request has not come in whole.
func TestConnections_EvictableWithoutWholeRequest_IsEvicted(t *testing.T) {
	x := newTrackerTest(t, Options{Memory: 2 * usual(t)})
	c := x.open("page")
	x.tick()
	x.open("other")
	r, _ := http.NewRequestWithContext(context.WithValue(t.Context(), connKey{}, c), "GET", "/", nil)
	Evictable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.open("new") })).ServeHTTP(httptest.NewRecorder(), r)
	x.expectEvicted("page")
	if n := c.busy.Load(); n != 0 {
		t.Errorf("%d handlers are counted, want 0", n)
	}
}

// Streams that a client resets, or that are refused, are not answers: they don't make a connection used.
func TestConnections_ResetAndRefusedRequests_DoNotCountAsUse(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	c := s.dial(t, false)
	c.ping()
	s.tracker.clock.Add(5)
	c.post(1, false)
	c.WriteRSTStream(1, http2.ErrCodeCancel)
	c.post(3, true, "x", strings.Repeat("x", 20<<10), "y", strings.Repeat("y", 20<<10))
	c.expectStatus(3, "431")
	c.ping()
	use := func() (uses int32, since int64) {
		s.tracker.mu.Lock()
		defer s.tracker.mu.Unlock()
		for conn := range s.tracker.conns {
			uses, since = conn.uses.Load(), conn.since.Load()
		}
		return uses, since
	}
	if uses, since := use(); uses != 0 || since > 4 {
		t.Errorf("after no answer: %d uses since %d, want 0 since the beginning", uses, since)
	}
	c.post(5, true)
	c.expectStatus(5, "200")
	if uses, since := use(); uses != 1 || since < 5 {
		t.Errorf("after an answer: %d uses since %d, want 1 since 5 or later", uses, since)
	}
}

func TestConnections_AttendedRequestWithoutRoom_Gets503Only(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler, Memory: takesHTTP + takesHandler, Attended: func(*http.Request) bool { return true }})
	c := s.dial(t, false)
	c.post(1, false, "expect", "100-continue")
	if f := c.await(http2.FrameHeaders, 1); f.header[":status"] != "503" {
		t.Errorf("%v, want 503", f)
	}
	c.WritePing(false, [8]byte{})
	for f := range c.received {
		if f.kind == http2.FramePing {
			break
		}
		if f.kind == http2.FrameHeaders {
			t.Errorf("%v after the answer", f)
		}
	}
}

// net/http reads what a handler leaves of a body. That is not a header, and the connection idles then.
func TestConnections_BodyLeftToNetHTTP_ConnectionIdlesOut(t *testing.T) {
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) })}, func(t *testing.T, s *Server, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		go fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n%s", make([]byte, 100000))
		in := bufio.NewReader(conn)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
			t.Fatal(res, err)
		}
		synctest.Wait()
		if n := s.tracker.requests.Load(); n != 0 {
			t.Errorf("%d bytes of requests are held, want 0", n)
		}
		began := time.Now()
		conn.SetReadDeadline(began.Add(time.Hour))
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("the connection is not closed: %v", err)
		}
		onSchedule(t, began, idleSeconds*time.Second)
	})
}

func TestConnections_CloseInLongHeader_ReleasesAll(t *testing.T) {
	inBubble(t, Options{Handler: seenHandler}, func(t *testing.T, s *Server, l *pipeListener) {
		conn := l.dial()
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // a request before, which is answered
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		synctest.Wait()
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: %s", strings.Repeat("x", 20000))
		synctest.Wait()
		if n := s.tracker.requests.Load(); n < 10000 {
			t.Errorf("%d bytes are held for half of a long header, want over 10000", n)
		}
	})
}

// A request without room is refused with 503, and its connection goes on.
func TestConnections_NoMemoryForRequest_Refuses503(t *testing.T) {
	eachTransport(t, func(t *testing.T, overTLS bool) {
		read := make(chan error, 1)
		s := serveTest(t, Options{Memory: 128 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				<-r.Context().Done()
				_, err := io.Copy(io.Discard, r.Body)
				read <- err
			}
		})}) // requests have 64 KiB
		c := s.dial(t, overTLS)
		c.post(1, false)
		c.data(1, false, make([]byte, longBody-1))
		c.post(3, false)
		c.data(3, false, make([]byte, longBody-1))
		if header, _, _ := c.answer(3); header[":status"] != "503" || header["retry-after"] == "" {
			t.Errorf("a body without room is answered %v, want 503 and Retry-After", header)
		}
		if f := c.await(http2.FrameRSTStream, 3); f.code != http2.ErrCodeNo {
			t.Errorf("%v: want NO_ERROR", f)
		}
		c.post(5, true, "x-a", strings.Repeat("x", 15<<10), "x-b", strings.Repeat("x", 15<<10))
		c.expectStatus(5, "503") // and a header
		c.data(1, true, []byte("x"))
		c.expectStatus(1, "200")
		c.request("POST", "/wait", 7, false)
		c.data(7, false, make([]byte, 60000)) // its handler runs already
		if _, _, code := c.answer(7); code != http2.ErrCodeEnhanceYourCalm {
			t.Errorf("a long body without room is reset with %v, want ENHANCE_YOUR_CALM", code)
		}
		if err := <-read; err == nil {
			t.Error("the handler got no error")
		}
		awaitTracker(t, s.Server, "requests are released", func(tr *tracker) bool { return tr.requests.Load() == 0 })
		c.post(9, true)
		c.expectStatus(9, "200")
	})
}
