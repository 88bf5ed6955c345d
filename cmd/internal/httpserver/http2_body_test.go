package httpserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// A body that arrives while its handler ends must not stay counted.
func TestHTTP2Body_ArrivesWhileHandlerEnds_IsReleased(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 100)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})})
	c := s.dial(t, false)
	body := make([]byte, streamWindow)
	for i := range 300 {
		stream := uint32(2*i + 1)
		c.post(stream, false)
		c.data(stream, false, body)
		if i%3 == 2 {
			c.ping()
		}
		for _, f := range drain(c) {
			if f.kind == http2.FrameGoAway {
				t.Fatal(f)
			}
		}
	}
	c.ping()
	awaitTracker(t, s.Server, "bodies of ended requests are released", func(tr *tracker) bool {
		return tr.requests.Load() == 0
	})
}

// The same with certainty: a part waits for room while its handler ends.
func TestHTTP2Body_WaitsForRoomWhileHandlerEnds_IsReleased(t *testing.T) {
	finish := make(chan bool)
	s := serveTest(t, Options{Memory: 200 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-finish })})
	other := &fakeConn{address: "203.0.113.1", onClose: func() {}} // which takes its time to close
	lingering := s.tracker.add(other)
	lingering.charge(45 << 10)
	s.tracker.clock.Add(100)
	c := s.dial(t, false)
	c.post(1, false)
	c.data(1, false, make([]byte, longBody))
	c.ping()
	c.data(1, false, make([]byte, maxFrame)) // over 100 KiB: the other connection is evicted first
	awaitCondition(t, "the body waits for room", func() bool { return s.tracker.waiters.Load() == 1 }, func() string { return "" })
	finish <- true
	c.expectStatus(1, "200")
	c.ping()
	lingering.release(lingering.unfinished.Swap(0))
	lingering.closed()
	awaitTracker(t, s.Server, "requests are released", func(tr *tracker) bool { return tr.requests.Load() == 0 })
}

// drain returns the frames that have come.
func drain(c *frameClient) (all []receivedFrame) {
	for {
		select {
		case f := <-c.received:
			all = append(all, f)
		default:
			return all
		}
	}
}

// Reading in small parts releases as much as reading at once.
func TestHTTP2Body_ReadInSmallParts_ReleasesAll(t *testing.T) {
	var s *testServer
	most := int64(0)
	s = serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for part := make([]byte, 1000); ; {
			_, err := r.Body.Read(part)
			most = max(most, s.tracker.requests.Load())
			if err != nil {
				break
			}
		}
	})})
	res, err := s.client(t, false).Post(testURL(false, "/"), "", bytes.NewReader(make([]byte, 5<<20)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if bound := int64(streamWindow + takesRequest + takesHandler + 1000); most > bound {
		t.Errorf("a body of 5 MiB is counted with %d bytes at a time, want at most %d", most, bound)
	}
}

// Trailers may cross the reset of a stream. That must not end the connection.
func TestHTTP2Body_TrailersAfterReset_ConnectionGoesOn(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })})
	c := s.dial(t, false)
	c.post(1, false)
	c.data(1, false, make([]byte, longBody))
	c.expectStatus(1, "413")
	if f := c.await(http2.FrameRSTStream, 1); f.code != http2.ErrCodeNo {
		t.Errorf("%v, want NO_ERROR", f)
	}
	c.data(1, false, make([]byte, 1000))
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode("x-sum", "1"), EndStream: true, EndHeaders: true})
	c.post(3, true)
	c.expectStatus(3, "413")
}

// A goroutine that a handler leaves behind, as http.TimeoutHandler does, must get an error.
func TestHTTP2Body_ReadAfterHandlerEnded_Fails(t *testing.T) {
	read := make(chan error, 1)
	ended := make(chan bool)
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			<-ended
			n, err := io.Copy(io.Discard, r.Body)
			read <- fmt.Errorf("%d bytes, %w", n, err)
		}()
	})})
	c := s.dial(t, false)
	for i, whole := range []bool{false, true} {
		stream := uint32(2*i + 1)
		c.post(stream, false)
		c.data(stream, whole, make([]byte, longBody))
		c.answer(stream)
		c.ping()
		ended <- true
		if err := <-read; !errors.Is(err, http.ErrBodyReadAfterClose) || !strings.HasPrefix(err.Error(), "0 bytes") {
			t.Errorf("after the handler, whole body %v: read %v; want %v", whole, err, http.ErrBodyReadAfterClose)
		}
	}
}

// Padding counts for flow control, so its credit must come back although the handler reads nothing of it.
func TestHTTP2Body_MostlyPadding_ComesWhole(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Length", strconv.FormatInt(n, 10))
		if err != nil {
			w.Header().Set("X-Error", err.Error())
		}
	})})
	for _, length := range []int{1, 100, 1000} {
		c := s.dial(t, false)
		c.post(1, false)
		room, parts := streamWindow, 40<<10/length
		padding := make([]byte, 255)
		for i := range min(parts, 2000) {
			for room < length+256 {
				room += int(c.await(http2.FrameWindowUpdate, 1).number)
			}
			room -= length + 256
			c.WriteDataPadded(1, i == min(parts, 2000)-1, make([]byte, length), padding)
		}
		if header, _, _ := c.answer(1); header["x-length"] != strconv.Itoa(length*min(parts, 2000)) || header["x-error"] != "" {
			t.Errorf("%d bytes a frame: %v", length, header)
		}
	}
}

// A failed write ends the connection. A handler that reads a body then must not wait on.
func TestHTTP2Body_ConnectionFailsInWrite_ReadFails(t *testing.T) {
	var read chan error
	var started chan bool
	inBubble(t, Options{
		Attended: func(*http.Request) bool { return true }, // without a time limit for the body
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(started)
			_, err := io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			read <- err
		}),
	}, func(t *testing.T, s *Server, l *pipeListener) {
		read, started = make(chan error, 1), make(chan bool)
		c := l.frames(t)
		c.post(1, false)
		<-started
		s.mu.Lock()
		for conn := range s.conns {
			h2, ok := conn.(*http2Conn)
			if !ok { // what it was before its preface is forgotten in a moment
				continue
			}
			h2.mu.Lock()
			h2.out = appendFrame(h2.out, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
			c.Conn.Close()
			h2.flush() // fails before the reader does
			h2.mu.Unlock()
		}
		s.mu.Unlock()
		if err := <-read; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("reading the body ended with %v, want an error", err)
		}
	})
}

// A connection that ends within a body ends at a frame as a rule. The body must not look whole.
func TestHTTP2Body_ClientCloses_ReadFails(t *testing.T) {
	var read chan error
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})}, func(t *testing.T, s *Server, l *pipeListener) {
		read = make(chan error, 1)
		c := l.frames(t)
		c.post(1, false)
		c.data(1, false, make([]byte, longBody))
		c.Conn.Close()
		if err := <-read; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("reading the body ended with %v, want an error", err)
		}
	})
}
