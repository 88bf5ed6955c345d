package httpserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// fuzzed answers requests in several ways. Each ends within a second of its request's end.
func fuzzed(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/unread":
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case "/part":
		io.CopyN(io.Discard, r.Body, 10)
		w.Write(make([]byte, 10))
	case "/echo":
		io.Copy(w, r.Body)
	case "/long":
		w.Write(make([]byte, 200_000))
	case "/flush":
		for range 3 {
			io.WriteString(w, "part")
			http.NewResponseController(w).Flush()
		}
	case "/panic":
		panic("as planned")
	case "/sleep":
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		<-ctx.Done()
	case "/left": // as http.TimeoutHandler does
		go io.Copy(io.Discard, r.Body)
	default:
		io.Copy(io.Discard, r.Body)
	}
}

// FuzzHTTP2_Bytes sends bytes after the preface. The server must not panic, must end the connection
// when the client does, and must release all memory.
func FuzzHTTP2_Bytes(f *testing.F) {
	client := newFrameClient(f, nil)
	var seed bytes.Buffer
	client.Framer = http2.NewFramer(&seed, nil)
	client.Framer.AllowIllegalWrites = true
	for _, write := range []func(){
		func() { client.WriteSettings() },
		func() { client.post(1, true) },
		func() { client.request("POST", "/echo", 3, false); client.data(3, true, make([]byte, 100)) },
		func() {
			client.request("GET", "/long", 5, true)
			client.WriteWindowUpdate(0, 1000)
			client.WriteWindowUpdate(5, 100)
		},
		func() { client.WritePing(false, [8]byte{}); client.WriteRSTStream(5, http2.ErrCodeCancel) },
		func() { client.post(7, false); client.WriteDataPadded(7, false, []byte("abc"), make([]byte, 5)) },
		func() {
			client.WriteHeaders(http2.HeadersFrameParam{StreamID: 7, BlockFragment: client.encode("x", "y"), EndStream: true, EndHeaders: true})
		},
		func() {
			client.WriteHeaders(http2.HeadersFrameParam{StreamID: 9, BlockFragment: client.encode(":method", "GET")})
		},
		func() { client.WriteContinuation(9, true, client.encode(":path", "/", ":scheme", "http")) },
		func() {
			client.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		},
		func() { client.WritePriority(11, http2.PriorityParam{StreamDep: 11}); client.WriteGoAway(0, 0, nil) },
	} {
		write()
		f.Add(bytes.Clone(seed.Bytes()))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("deadlock with %q", raw)) }).Stop()
		inBubble(t, Options{Handler: http.HandlerFunc(fuzzed), Memory: 256 << 10}, func(t *testing.T, s *Server, l *pipeListener) {
			conn := l.dial()
			go io.Copy(io.Discard, conn)
			io.WriteString(conn, http2.ClientPreface)
			conn.Write(raw)
			synctest.Wait()
			conn.Close()
			time.Sleep(2 * time.Second) // for handlers that don't look at their context
			synctest.Wait()
			if held := s.tracker.held.Load(); held != 0 {
				t.Errorf("after the client's end %d bytes are held, want 0", held)
			}
		})
	})
}

// A fuzzConn is a client that knows what it has sent, and checks what it receives.
type fuzzConn struct {
	*frameClient
	t       *testing.T
	next    uint32
	lawless bool // it has sent what may break the protocol

	mu      sync.Mutex
	streams map[uint32]*fuzzStream
	window  int64 // upper bound of what the server may send
	initial int64 // the greatest that was set
	goaway  *receivedFrame
}

type fuzzStream struct {
	reset   bool // by the client
	window  int64
	headers int
	ended   bool
	resets  int // by the server
	whole   bool
}

func newFuzzConn(t *testing.T, l *pipeListener) *fuzzConn {
	c := &fuzzConn{frameClient: newFrameClient(t, l.dial()), t: t, next: 1, streams: map[uint32]*fuzzStream{}, window: 65535, initial: 65535}
	c.begin()
	go func() {
		for f := range c.received {
			c.check(f)
		}
	}()
	return c
}

// check fails the test where a frame must not come.
func (c *fuzzConn) check(f receivedFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.kind == http2.FrameGoAway {
		c.goaway = &f
	}
	if f.stream == 0 {
		return
	}
	st := c.streams[f.stream]
	if st == nil {
		if !c.lawless {
			c.t.Errorf("%v: this stream was not opened", f)
		}
		return
	}
	switch f.kind {
	case http2.FrameHeaders:
		if f.header[":status"] == "100" {
			if st.headers > 0 {
				c.t.Errorf("%v: 100 after the answer", f)
			}
			return
		}
		if st.headers++; st.headers > 1 || st.ended || st.resets > 0 {
			c.t.Errorf("%v: a second answer, or one after the end: %+v", f, st)
		}
		st.ended = f.end()
	case http2.FrameData:
		n := int64(len(f.data))
		st.window, c.window = st.window-n, c.window-n
		if st.headers == 0 || st.ended || st.resets > 0 || st.window < 0 || c.window < 0 {
			c.t.Errorf("%v: out of order, or over the window: %+v, connection %d", f, st, c.window)
		}
		st.ended = f.end()
	case http2.FrameRSTStream:
		st.resets++
	}
}

func (c *fuzzConn) stream(n byte) (uint32, *fuzzStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == 1 {
		return 1, &fuzzStream{}
	}
	id := c.next - 2 - 2*(uint32(n)%8)%c.next
	if id > c.next || c.streams[id] == nil {
		id = c.next - 2
	}
	return id, c.streams[id]
}

var fuzzPaths = []string{"/", "/unread", "/part", "/echo", "/long", "/flush", "/panic", "/sleep", "/left"}

// step does what three bytes say.
func (c *fuzzConn) step(kind, a, b byte) {
	id, st := c.stream(a)
	if c.next == 1 && kind%20 > 4 {
		kind = 0 // the first stream
	}
	size := int(b) * int(b) / 2 // at most 32 KiB
	switch kind % 20 {
	case 0, 1, 2, 3:
		id = c.next
		c.next += 2
		whole := kind%20 < 2
		c.mu.Lock()
		c.streams[id] = &fuzzStream{window: c.initial, whole: whole}
		c.mu.Unlock()
		var fields []string
		switch b % 8 {
		case 1:
			fields = []string{"expect", "100-continue"}
		case 2:
			fields = []string{"content-length", fmt.Sprint(a)}
		case 3:
			fields = []string{"x", strings.Repeat("x", int(a)*200)} // at most 51,000 bytes
		case 4:
			fields = []string{"x", "1", "cookie", "a", "cookie", "b"}
		case 5:
			fields = []string{"X", "malformed"}
		}
		c.request("POST", fuzzPaths[int(a)%len(fuzzPaths)], id, whole, fields...)
	case 4:
		time.Sleep(time.Duration(b%40) * time.Second)
	case 5, 6, 7:
		if st.whole || st.reset {
			return
		}
		st.whole = kind%20 == 5
		c.data(id, st.whole, make([]byte, size))
	case 8:
		if st.whole || st.reset {
			return
		}
		c.WriteDataPadded(id, false, make([]byte, b), make([]byte, a))
	case 9:
		if st.whole || st.reset {
			return
		}
		st.whole = true
		c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.encode("x", "trailer"), EndStream: true, EndHeaders: true})
	case 10:
		st.reset = true
		c.WriteRSTStream(id, http2.ErrCode(b%14))
	case 11:
		c.mu.Lock()
		c.window += int64(size) + 1
		c.mu.Unlock()
		c.WriteWindowUpdate(0, uint32(size)+1)
	case 12:
		c.mu.Lock()
		st.window += int64(size) + 1
		c.mu.Unlock()
		c.WriteWindowUpdate(id, uint32(size)+1)
	case 13:
		c.mu.Lock()
		if more := int64(size) - c.initial; more > 0 {
			c.initial = int64(size)
			for _, st := range c.streams {
				st.window += more
			}
		}
		c.mu.Unlock()
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(size)})
	case 14:
		c.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: uint32(b)}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 15})
	case 15:
		c.WritePing(false, [8]byte{a, b})
	case 16:
		c.WriteRawFrame(http2.FrameType(10+a%200), http2.Flags(b), id, make([]byte, b))
	case 17:
		c.WritePriority(id, http2.PriorityParam{StreamDep: id + uint32(a) + 1, Weight: b})
	case 18:
		synctest.Wait()
	case 19:
		c.lawless = true
		c.WriteRawFrame(http2.FrameType(a%10), http2.Flags(b), id+uint32(b%3), make([]byte, a))
	}
}

// expectAnswers fails the test unless each request of which the server has the header is answered once,
// or reset.
func (c *fuzzConn) expectAnswers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lawless || c.goaway != nil && c.goaway.code != http2.ErrCodeNo {
		return
	}
	if c.goaway == nil {
		c.t.Errorf("the connection ended without a GOAWAY: %v", c.readErr)
		return
	}
	for id, st := range c.streams {
		if !st.reset && !st.ended && st.resets == 0 && id <= c.goaway.number {
			c.t.Errorf("stream %d has no answer: %+v; GOAWAY %v", id, st, c.goaway)
		}
	}
}

// FuzzHTTP2_Frames has up to three clients send sequences of frames that mostly keep to the protocol.
func FuzzHTTP2_Frames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x03\x00\x05\x00\x20\x12\x00\x00"), false)
	f.Add([]byte("\x02\x03\x00\x08\xff\x01\x08\xff\x01\x06\x00\xff\x09\x00\x00\x04\x00\x23"), false)
	f.Add([]byte("\x0d\x00\x03\x00\x04\x00\x0c\x00\x09\x0b\x00\xff\x0d\x00\xff\x04\x00\x05"), true)
	f.Add([]byte("\x02\x01\x01\x06\x00\xff\x0a\x00\x08\x02\x06\x00\x05\x00\xff\x13\x07\x02"), true)
	f.Add([]byte("\x02\x08\x00\x06\x00\xff\x06\x00\xff\x04\x00\x01\x05\x00\x01\x0e\x00\x00\x00\x00\x00"), true)
	f.Add([]byte("\x0a\x00\x32\x02\xff\x13\x2a\x2a\x32"), false) // a GOAWAY while an answer is written
	f.Fuzz(func(t *testing.T, steps []byte, scarce bool) {
		if len(steps) > 600 {
			return
		}
		// In a bubble a deadlock is endless, as the tracker's clock goes on.
		defer time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("deadlock with %q, %v", steps, scarce)) }).Stop()
		o := Options{Handler: http.HandlerFunc(fuzzed), Logger: slog.New(slog.DiscardHandler)}
		if scarce {
			o.Memory = 160 << 10
		}
		inBubble(t, o, func(t *testing.T, s *Server, l *pipeListener) {
			conns := []*fuzzConn{newFuzzConn(t, l)}
			for ; len(steps) >= 3; steps = steps[3:] {
				n := int(steps[0] / 86) // the upper part chooses one of three
				if n >= len(conns) {
					conns = append(conns, newFuzzConn(t, l))
					n = len(conns) - 1
				}
				conns[n].step(steps[0], steps[1], steps[2])
			}
			time.Sleep((idleSeconds + 2*bodySeconds + 2*writeSeconds) * time.Second)
			synctest.Wait()
			if held := s.tracker.held.Load(); held != 0 {
				t.Errorf("after a long time %d bytes are held, %d of them of requests; want 0", held, s.tracker.requests.Load())
			}
			for _, c := range conns {
				if !scarce {
					c.expectAnswers()
				}
				c.Close()
			}
		})
	})
}
