package httpserver

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
)

func TestHTTP2Limits_TooManyStreams_AreRefused(t *testing.T) {
	started, finish := make(chan bool, maxStreams+1), make(chan bool)
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started <- true
		<-finish
	})})
	c := s.dial(t, false)
	for i := range uint32(maxStreams) {
		c.post(2*i+1, true)
		<-started
	}
	stream := uint32(2*maxStreams + 1)
	c.post(stream, true)
	if _, _, code := c.answer(stream); code != http2.ErrCodeRefusedStream {
		t.Errorf("stream %d of %d at a time: reset with %v, want REFUSED_STREAM", maxStreams+1, maxStreams, code)
	}
	finish <- true
	firstAnswered(c)
	c.post(stream+2, true)
	<-started
	close(finish)
	c.expectStatus(stream+2, "200")
}

// firstAnswered returns the stream of the next answer.
func firstAnswered(c *frameClient) uint32 {
	for f := range c.received {
		if f.kind == http2.FrameHeaders {
			return f.stream
		}
	}
	c.Fatal(c.readErr)
	return 0
}

func TestHTTP2Limits_ManyRefusals_EndTheConnection(t *testing.T) {
	finish := make(chan bool)
	defer close(finish)
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-finish:
		case <-r.Context().Done():
		}
	})})
	c := s.dial(t, false)
	go func() {
		for i := range uint32(maxStreams + maxRefused + 1) {
			c.post(2*i+1, true)
		}
	}()
	if f, ok := c.ends(); !ok || f.code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("the connection ended with %v, want ENHANCE_YOUR_CALM", f)
	}
}

// A client that keeps to the limit, and opens a stream once another is answered, is never refused.
func TestHTTP2Limits_AllStreamsAlwaysInUse_NoneIsRefused(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "x")
		}
	})})
	for _, path := range []string{"/", "/body"} {
		c := s.dial(t, false)
		c.WriteWindowUpdate(0, 1<<30)
		next := uint32(1)
		open := func() {
			c.request("POST", path, next, true)
			next += 2
		}
		for range maxStreams {
			open()
		}
		for answered := 0; answered < 3000; {
			f, ok := <-c.received
			switch {
			case !ok:
				t.Fatal(c.readErr)
			case f.kind == http2.FrameRSTStream || f.kind == http2.FrameGoAway:
				t.Fatalf("after %d answers: %v", answered, f)
			case f.end() && (f.kind == http2.FrameHeaders || f.kind == http2.FrameData):
				answered++
				open()
			}
		}
		c.Close()
	}
}

func TestHTTP2Limits_Windows_AreKept(t *testing.T) {
	const size = 3000
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, strings.Repeat("x", size)) })})
	t.Run("one byte at a time", func(t *testing.T) {
		c := s.dial(t, false, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		c.request("GET", "/", 1, true)
		c.await(http2.FrameHeaders, 1)
		for range size - 1 {
			if f := c.await(http2.FrameData, 1); len(f.data) != 1 || f.end() {
				t.Fatalf("%v: want one byte", f)
			}
			c.WriteWindowUpdate(1, 1)
		}
		if f := c.await(http2.FrameData, 1); len(f.data) != 1 || !f.end() {
			t.Fatalf("%v: want the last byte", f)
		}
	})
	t.Run("connection's window", func(t *testing.T) {
		c := s.dial(t, false)
		left := 65535
		for i := range uint32(30) { // 90,000 bytes
			c.request("GET", "/", 2*i+1, true)
		}
		total := 0
		for done := 0; done < 30; {
			f, ok := <-c.received
			if !ok {
				t.Fatal(c.readErr)
			}
			if f.kind != http2.FrameData {
				continue
			}
			total += len(f.data)
			if left -= len(f.data); left < 0 {
				t.Fatal("more was sent than the connection's window allows")
			}
			if left == 0 {
				c.WriteWindowUpdate(0, 40000)
				left += 40000
			}
			if f.end() {
				done++
			}
		}
		if total > 30*size {
			t.Errorf("%d bytes came", total)
		}
	})
	t.Run("initial window that shrinks below 0", func(t *testing.T) {
		c := s.dial(t, false, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000})
		c.request("GET", "/", 1, true)
		if f := c.await(http2.FrameData, 1); len(f.data) != 1000 {
			t.Fatalf("%v: want 1000 bytes", f)
		}
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}) // the window is -1000
		c.WriteWindowUpdate(1, 1000)
		c.ping()
		c.WriteWindowUpdate(1, 1)
		if f := c.await(http2.FrameData, 1); len(f.data) != 1 {
			t.Fatalf("%v: want one byte", f)
		}
		c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535})
		if _, body, _ := c.answer(1); len(body) != size-1001 {
			t.Errorf("%d bytes came last, want %d", len(body), size-1001)
		}
	})
}

func TestHTTP2Limits_BrokenProtocol_EndsStreamOrConnection(t *testing.T) {
	handlers := atomic.Int32{}
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Add(-1)
		if r.URL.Path == "/wait" {
			<-r.Context().Done()
		}
	})})
	for _, x := range []struct {
		name   string
		do     func(c *frameClient)
		stream http2.ErrCode // of stream 1's reset, or
		conn   http2.ErrCode // of the connection's end
	}{
		{"stream window over 2^31-1", func(c *frameClient) { c.request("GET", "/wait", 1, true); c.WriteWindowUpdate(1, 1<<31-1) }, http2.ErrCodeFlowControl, 0},
		{"window update of 0", func(c *frameClient) { c.request("GET", "/wait", 1, true); c.WriteWindowUpdate(1, 0) }, http2.ErrCodeProtocol, 0},
		{"body over the stream's window", func(c *frameClient) {
			c.request("POST", "/wait", 1, false)
			c.data(1, false, make([]byte, streamWindow+1))
		}, http2.ErrCodeFlowControl, 0},
		{"body after END_STREAM", func(c *frameClient) { c.request("POST", "/wait", 1, true); c.data(1, false, []byte("x")) }, http2.ErrCodeStreamClosed, 0},
		{"header after END_STREAM", func(c *frameClient) { c.request("POST", "/wait", 1, true); c.post(1, true) }, http2.ErrCodeStreamClosed, 0},
		{"body after a reset", func(c *frameClient) {
			c.request("POST", "/wait", 1, false)
			c.WriteRSTStream(1, http2.ErrCodeCancel)
			c.data(1, false, []byte("x"))
		}, http2.ErrCodeStreamClosed, 0},

		{"connection's window over 2^31-1", func(c *frameClient) { c.WriteWindowUpdate(0, 1<<31-1) }, 0, http2.ErrCodeFlowControl},
		{"window update of 0 for the connection", func(c *frameClient) { c.WriteWindowUpdate(0, 0) }, 0, http2.ErrCodeProtocol},
		{"initial window over 2^31-1", func(c *frameClient) { c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31}) }, 0, http2.ErrCodeFlowControl},
		{"initial window that makes one overflow", func(c *frameClient) {
			c.request("GET", "/wait", 1, true)
			c.WriteWindowUpdate(1, 1<<31-1-65535)
			c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65536})
		}, 0, http2.ErrCodeFlowControl},
		{"body of an idle stream", func(c *frameClient) { c.data(1, true, []byte("x")) }, 0, http2.ErrCodeProtocol},
		{"window update of an idle stream", func(c *frameClient) { c.WriteWindowUpdate(1, 1) }, 0, http2.ErrCodeProtocol},
		{"reset of an idle stream", func(c *frameClient) { c.WriteRSTStream(1, http2.ErrCodeCancel) }, 0, http2.ErrCodeProtocol},
		{"stream of an even number", func(c *frameClient) { c.post(2, true) }, 0, http2.ErrCodeProtocol},
		{"streams in the wrong order", func(c *frameClient) { c.post(1001, true); c.post(5, true) }, 0, http2.ErrCodeProtocol},
		{"stream 0", func(c *frameClient) { c.post(0, true) }, 0, http2.ErrCodeProtocol},
		{"body of stream 0", func(c *frameClient) { c.data(0, true, nil) }, 0, http2.ErrCodeProtocol},
		{"PUSH_PROMISE", func(c *frameClient) {
			c.post(1, true)
			c.WriteRawFrame(http2.FramePushPromise, 4, 1, []byte{0, 0, 0, 2})
		}, 0, http2.ErrCodeProtocol},
		{"CONTINUATION alone", func(c *frameClient) { c.WriteContinuation(1, true, nil) }, 0, http2.ErrCodeProtocol},
		{"PING between a header's frames", func(c *frameClient) {
			c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "GET")})
			c.WritePing(false, [8]byte{})
		}, 0, http2.ErrCodeProtocol},
		{"frame over 16 KiB", func(c *frameClient) { c.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, maxFrame+1)) }, 0, http2.ErrCodeFrameSize},
		{"PING of 7 bytes", func(c *frameClient) { c.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }, 0, http2.ErrCodeFrameSize},
		{"SETTINGS of 5 bytes", func(c *frameClient) { c.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }, 0, http2.ErrCodeFrameSize},
		{"padding longer than the frame", func(c *frameClient) {
			c.post(1, false)
			c.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{9, 1, 2})
		}, 0, http2.ErrCodeProtocol},
		{"HPACK index that is not there", func(c *frameClient) { c.WriteRawFrame(http2.FrameHeaders, 5, 1, []byte{0xff, 0xff, 0x7f}) }, 0, http2.ErrCodeCompression},
		{"HPACK table over its limit", func(c *frameClient) { c.WriteRawFrame(http2.FrameHeaders, 5, 1, []byte{0x3f, 0xff, 0xff, 0x7f}) }, 0, http2.ErrCodeCompression},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := s.dial(t, false)
			x.do(c)
			if x.conn != 0 {
				c.expectError(x.conn)
				return
			}
			if f := c.await(http2.FrameRSTStream, 1); f.code != x.stream {
				t.Errorf("reset with %v, want %v", f.code, x.stream)
			}
			c.post(3, true)
			c.expectStatus(3, "200")
		})
	}
	awaitCondition(t, "all handlers end", func() bool { return handlers.Load() == 0 }, func() string { return "" })
}

func TestHTTP2Limits_UnknownFrames_AreIgnored(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	c := s.dial(t, false, http2.Setting{ID: 0xfff0, Val: 1 << 31})
	c.WriteRawFrame(0x42, 0xff, 0, []byte("own"))
	c.WriteRawFrame(0x42, 0xff, 99, make([]byte, maxFrame))
	c.WritePriority(5, http2.PriorityParam{StreamDep: 3, Weight: 7})
	c.WriteGoAway(0, http2.ErrCodeNo, []byte("later"))
	c.WriteSettingsAck()
	c.WritePing(true, [8]byte{1})
	c.post(1, false)
	c.WriteRawFrame(0x42, 1, 1, []byte("own"))
	c.WritePriority(1, http2.PriorityParam{StreamDep: 3})
	c.data(1, true, []byte("abc"))
	c.expectStatus(1, "200")
	c.WriteRSTStream(1, http2.ErrCodeCancel) // of a stream that is closed
	c.WriteWindowUpdate(1, 5)
	c.post(3, true)
	c.expectStatus(3, "200")
}

func TestHTTP2Limits_Padding_IsNoPartOfHeaderOrBody(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	c := s.dial(t, false)
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(":method", "POST", ":path", "/", ":scheme", "https", ":authority", "a"), EndHeaders: true, PadLength: 200,
		Priority: http2.PriorityParam{StreamDep: 11, Weight: 1, Exclusive: true}})
	c.WriteDataPadded(1, false, []byte("abc"), make([]byte, 255))
	c.WriteDataPadded(1, true, nil, make([]byte, 255))
	if header, _, _ := c.answer(1); header["x-seen"] != `POST / host=a length=-1 body=3 cookie=[] err=<nil>` {
		t.Errorf("answered %v", header)
	}
}
