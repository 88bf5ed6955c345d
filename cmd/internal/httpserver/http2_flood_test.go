package httpserver

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// honest sends a request a few times while something else happens, and fails the test where one is not
// answered with 200.
func honest(t *testing.T, s *testServer, during func()) {
	t.Helper()
	ended := make(chan bool)
	go func() {
		defer close(ended)
		during()
	}()
	client := s.client(t, true)
	for n := 0; ; n++ {
		res, err := client.Post(testURL(true, "/honest"), "text/plain", strings.NewReader("beacon"))
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("after %d answers: %v %v", n, res, err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		select {
		case <-ended:
			return
		default:
		}
	}
}

// mostQueued returns the greatest number of bytes that wait for one client.
func mostQueued(s *testServer) (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c, ok := c.(*http2Conn); ok {
			c.mu.Lock()
			most = max(most, len(c.out))
			c.mu.Unlock()
		}
	}
	return most
}

func liveBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestHTTP2Flood_RapidReset_HandlersAreBounded(t *testing.T) {
	running, most := atomic.Int32{}, atomic.Int32{}
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/honest" {
			return
		}
		n := running.Add(1)
		defer running.Add(-1)
		for before := most.Load(); n > before && !most.CompareAndSwap(before, n); before = most.Load() {
		}
		runtime.Gosched() // an answer takes some time
	})})
	// A connection is ended after many refusals, so the streams are on several.
	connections, before := 0, liveBytes()
	honest(t, s, func() {
		for sent := 0; sent < 100_000; {
			c := s.dial(t, false)
			sent += rapidReset(c, 100_000-sent)
			c.Close()
			connections++
			awaitTracker(t, s.Server, "the connection ends", func(tr *tracker) bool { return len(tr.conns)+len(tr.leaving) <= 1 }) // the honest client's
		}
	})
	if n := most.Load(); n > maxStreams {
		t.Errorf("%d handlers ran at a time, want at most %d", n, maxStreams)
	}
	if more := liveBytes() - before; more > 8<<20 {
		t.Errorf("%d bytes more are in use, want at most 8 MiB", more)
	}
	if connections > 100 {
		t.Errorf("%d connections were needed: the test resets too few streams on each", connections)
	}
	awaitTracker(t, s.Server, "all requests end", func(tr *tracker) bool { return tr.requests.Load() == 0 })
}

// rapidReset opens at most n streams and resets each at once. It returns how many there were when the
// connection ended.
func rapidReset(c *frameClient, n int) int {
	goaway := atomic.Bool{}
	go func() {
		for f := range c.received {
			goaway.Store(goaway.Load() || f.kind == http2.FrameGoAway)
		}
	}()
	c.post(1, true)
	block := c.encode(":method", "POST", ":path", "/", ":scheme", "https", ":authority", "test.example")
	var raw []byte
	for i := range n {
		stream := uint32(2*i + 3)
		raw = append(appendFrame(raw, len(block), http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, stream), block...)
		raw = appendReset(raw, stream, http2.ErrCodeCancel)
		if len(raw) > 4<<10 || i == n-1 {
			if _, err := c.Conn.Write(raw); err != nil || goaway.Load() {
				return i + 1
			}
			raw = raw[:0]
		}
	}
	return n
}

// A client may repeat a frame that costs it nothing, and read the answers or not.
func TestHTTP2Flood_CheapFrames_MemoryIsBounded(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Method == "GET" {
			w.Write(make([]byte, 1<<20))
		}
	})})
	block := newFrameClient(t, nil).encode(":method", "POST", ":path", "/", ":scheme", "https", ":authority", "a")
	open := append(appendFrame(nil, len(block), http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1), block...)
	block2 := newFrameClient(t, nil).encode(":method", "GET", ":path", "/", ":scheme", "https", ":authority", "a")
	get := append(appendFrame(nil, len(block2), http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1), block2...)
	begun := append(appendFrame(nil, len(block), http2.FrameHeaders, 0, 1), block...)
	for _, x := range []struct {
		name   string
		before []byte
		frame  []byte
	}{
		{"PING", nil, append(appendFrame(nil, 8, http2.FramePing, 0, 0), "12345678"...)},
		{"SETTINGS", nil, appendSettings(nil, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 7})},
		{"empty SETTINGS", nil, appendSettings(nil)},
		{"SETTINGS of 2000 values", nil, appendSettings(nil, bytesOfSettings(2000)...)},
		{"empty DATA", open, appendFrame(nil, 0, http2.FrameData, 0, 1)},
		{"DATA of a closed stream", append(open, appendReset(nil, 1, http2.ErrCodeCancel)...), append(appendFrame(nil, 1, http2.FrameData, 0, 1), 'x')},
		{"PRIORITY", nil, append(appendFrame(nil, 5, http2.FramePriority, 0, 3), 0, 0, 0, 1, 5)},
		{"WINDOW_UPDATE", open, appendWindowUpdate(nil, 1, 1)},
		{"WINDOW_UPDATE of the connection", nil, appendWindowUpdate(nil, 0, 1)},
		{"RST_STREAM", open, appendReset(nil, 1, http2.ErrCodeCancel)},
		{"empty CONTINUATION", begun, appendFrame(nil, 0, http2.FrameContinuation, 0, 1)},
		{"CONTINUATION of one field", begun, append(appendFrame(nil, 1, http2.FrameContinuation, 0, 1), 0x84)},
		{"PING during an answer", append(append(appendSettings(nil, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}), appendWindowUpdate(nil, 0, 1<<30)...), get...),
			append(appendFrame(nil, 8, http2.FramePing, 0, 0), "12345678"...)},
		{"GOAWAY", nil, appendGoAway(nil, 0, 0)},
		{"unknown frame", nil, append(appendFrame(nil, 100, 0x77, 0, 0), make([]byte, 100)...)},
	} {
		for _, reads := range []bool{true, false} {
			name := x.name + ", unread"
			if reads {
				name = x.name + ", read"
			}
			t.Run(name, func(t *testing.T) {
				conn := s.connect(t, false)
				conn.SetDeadline(time.Now().Add(150 * time.Millisecond)) // an unread flood blocks
				if reads {
					go io.Copy(io.Discard, conn)
				}
				raw := append(appendSettings([]byte(http2.ClientPreface)), x.before...)
				conn.Write(raw)
				if x.name == "PING during an answer" && !reads {
					seen := 0
					awaitTracker(t, s.Server, "the answer waits for the client", func(tr *tracker) bool {
						for c := range tr.conns {
							if c.writing.Load() > 0 && c.busy.Load() > 0 {
								seen++
							}
						}
						return seen > 5
					})
				}
				many := bytes.Repeat(x.frame, 1+(64<<10)/len(x.frame))
				before, most := liveBytes(), 0
				honest(t, s, func() {
					for total := 0; total < 1<<20; total += len(many) {
						if _, err := conn.Write(many); err != nil {
							break
						}
						most = max(most, mostQueued(s))
					}
				})
				if bound := maxQueued + maxFrame + 1<<10; most > bound {
					t.Errorf("%d bytes were queued, want at most %d", most, bound)
				}
				if more := liveBytes() - before; more > 8<<20 {
					t.Errorf("%d bytes more are in use, want at most 8 MiB", more)
				}
				conn.Close()
			})
		}
	}
}

func bytesOfSettings(n int) (all []http2.Setting) {
	for i := range n {
		all = append(all, http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
	}
	return all
}

// A small header block that stands for a large header must not become one.
func TestHTTP2Flood_HPACKBombs_MemoryIsBounded(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for name, values := range r.Header {
			for _, v := range values {
				n += len(name) + len(v)
			}
		}
		if n > maxHeader {
			t.Errorf("a handler got a header of %d bytes", n)
		}
	})})
	var entry bytes.Buffer
	encoder := hpack.NewEncoder(&entry)
	encoder.WriteField(hpack.HeaderField{Name: ":method", Value: "POST"})
	encoder.WriteField(hpack.HeaderField{Name: ":path", Value: "/"})
	encoder.WriteField(hpack.HeaderField{Name: ":scheme", Value: "https"})
	encoder.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 4000)}) // fills the table
	for _, x := range []struct {
		name  string
		block []byte
	}{
		{"one entry many times", bytes.Repeat([]byte{0x80 | 62}, 12000)},
		{"one cookie many times", bytes.Repeat([]byte{0x40 | 32, 1, 'a'}, 4000)},
		{"one long value", append([]byte{0, 1, 'x', 0x7f, 0x81, 0xff, 0x3f}, make([]byte, 12000)...)},
		{"many sizes", bytes.Repeat([]byte{0x3f, 0xe1, 0x1f, 0x20}, 3000)},
		{"many empty fields", bytes.Repeat([]byte{0, 1, 'x', 0}, 3000)},
	} {
		t.Run(x.name, func(t *testing.T) {
			before := liveBytes()
			honest(t, s, func() {
				for range 8 {
					c := s.dial(t, false)
					c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: append(bytes.Clone(entry.Bytes()), x.block...), EndStream: true, EndHeaders: true})
					select { // it is answered, reset, or the connection ends
					case f := <-c.received:
						for f.kind != http2.FrameHeaders && f.kind != http2.FrameRSTStream && f.kind != http2.FrameGoAway {
							f = <-c.received
						}
						if f.kind == http2.FrameHeaders && f.header[":status"] != "431" {
							t.Errorf("%v: want 431, a reset or a GOAWAY", f)
						}
					case <-time.After(c.patience):
						t.Error("nothing came")
					}
					c.Close()
				}
			})
			if more := liveBytes() - before; more > 8<<20 {
				t.Errorf("%d bytes more are in use, want at most 8 MiB", more)
			}
		})
	}
}

// A header that never ends is cut off once it is too long.
func TestHTTP2Flood_EndlessHeader_EndsTheConnection(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	c := s.dial(t, false)
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "POST", ":path", "/", ":scheme", "https"), EndStream: true})
	go func() {
		for range 100 {
			if c.WriteContinuation(1, false, c.encode("x", strings.Repeat("~", 8000))) != nil {
				return
			}
		}
	}()
	c.await(http2.FrameGoAway, 0)
	c.Close()
}

// Answers that wait for their clients must not take all the room that requests have.
func TestHTTP2Flood_UnreadAnswers_HonestClientIsServed(t *testing.T) {
	for _, x := range []struct {
		name   string
		window uint32
	}{
		{"no window", 0}, {"unread socket", 1 << 30},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serveTest(t, Options{Memory: 4 << 20, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "GET" {
					w.Write(make([]byte, 300_000))
				}
			})})
			var all []*frameClient
			for range 10 { // without eviction four of them would do
				conn := s.connect(t, false)
				c := newFrameClient(t, conn) // which does not read
				io.WriteString(conn, http2.ClientPreface)
				c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: x.window})
				c.WriteWindowUpdate(0, 1<<30)
				for i := range uint32(maxStreams) {
					c.request("GET", "/", 2*i+1, true)
				}
				all = append(all, c)
				s.tracker.clock.Add(1)
			}
			client := s.client(t, true)
			post := func() int {
				res, err := client.Post(testURL(true, "/"), "text/plain", strings.NewReader("beacon"))
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				return res.StatusCode
			}
			// An answer counts as unread after two seconds. Until then a request may get 503.
			inTurn := 0
			awaitCondition(t, "50 requests in turn are answered", func() bool {
				if inTurn++; post() != 200 {
					inTurn = 0
				}
				return inTurn == 50
			}, func() string { return "503" })
			for _, c := range all {
				c.Close()
			}
		})
	}
}
