package httpserver

import (
	"context"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

const (
	// takesRequest and takesHandler are what a request takes in bytes before and while its handler
	// runs, without its header and body.
	takesRequest = 1 << 10
	takesHandler = 12 << 10
	// longBody is how many bytes of a body come in before the handler starts. A shorter one costs no
	// goroutine until it is whole.
	longBody = 32 << 10
)

// An http2Stream is a request, its body, and the context of its handler.
type http2Stream struct {
	conn    *http2Conn
	id      uint32
	request *http.Request

	// Under the connection's lock.
	charged  int64 // bytes that the tracker counts
	begun    bool  // the tracker knows that the request is whole
	started  bool  // the handler was started
	body     []byte
	unread   []byte // of body
	length   int64  // of the body as announced, or -1
	came     int64  // bytes of the body so far
	room     int64  // bytes of the body that the client may send
	credit   int64  // bytes that were read since the last WINDOW_UPDATE
	whole    bool   // no more of the body comes
	bodyErr  error  // why not
	deadline int64  // of the body, in the tracker's seconds, or 0
	window   int64  // bytes of the answer that the client has room for
	err      error  // why the stream ended early
	done     chan struct{}
	ended    bool
	reading  timeLimit
	writing  timeLimit
}

// A timeLimit is a deadline that wakes up the goroutines of a connection.
type timeLimit struct {
	at    time.Time
	timer *time.Timer
}

func (l *timeLimit) set(c *http2Conn, at time.Time) {
	l.at = at
	if l.timer != nil {
		l.timer.Stop()
	}
	if !at.IsZero() {
		l.timer = time.AfterFunc(time.Until(at), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.changed.Broadcast()
		})
	}
}

func (l *timeLimit) passed() bool { return !l.at.IsZero() && !time.Now().Before(l.at) }

// readHeaders begins a request, or ends one with trailers.
func (c *http2Conn) readHeaders(f *http2.MetaHeadersFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.streams[f.StreamID]; st != nil {
		switch {
		case st.whole:
			return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeStreamClosed}
		case !f.StreamEnded() || len(f.PseudoFields()) > 0:
			return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
		}
		return c.endOfBody(st) // the trailers are not kept
	}
	switch {
	case f.StreamID%2 == 0:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case f.StreamID <= c.last && len(f.PseudoFields()) == 0: // trailers, which may cross a reset
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	case f.StreamID <= c.last && c.wasOpen(f.StreamID):
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case f.StreamID <= c.last:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.last = f.StreamID
	if c.goaway && f.StreamID > c.final {
		return nil // the client was told that it is not answered
	}
	if f.HasPriority() && f.Priority.StreamDep == f.StreamID {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	if c.active >= maxStreams {
		if c.refused++; c.refused > maxRefused {
			return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
		}
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeRefusedStream}
	}
	st := &http2Stream{conn: c, id: f.StreamID, whole: f.StreamEnded(), length: -1, room: streamWindow, window: c.initial}
	size, err := st.newRequest(f)
	if err != nil {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol, Cause: err}
	}
	c.active++
	c.streams[st.id] = st
	if f.Truncated {
		c.refuse(st, http.StatusRequestHeaderFieldsTooLarge)
		return nil
	}
	if !c.charge(st, takesRequest+size) {
		c.refuse(st, http.StatusServiceUnavailable)
		return nil
	}
	if st.whole {
		c.start(st)
		return nil
	}
	st.deadline = c.tracked.tracker.clock.Load() + bodySeconds
	if c.server.attended(st.request) {
		st.deadline = 0
		c.begin(st)
		c.start(st)
	}
	if !st.ended && strings.EqualFold(st.request.Header.Get("Expect"), "100-continue") {
		c.appendHeader(st.id, http.StatusContinue, nil, false)
		c.flush()
	}
	return nil
}

// closedStreams is how many of the last streams count as closed. Older ones count as never opened.
const closedStreams = 2 * maxStreams

func (c *http2Conn) wasOpen(id uint32) bool { return c.last-id < closedStreams }

// charge counts n bytes more of a stream. The connection's lock is released meanwhile.
func (c *http2Conn) charge(st *http2Stream, n int64) bool {
	c.mu.Unlock()
	ok := c.tracked.charge(n)
	c.mu.Lock()
	if !ok {
		return false
	}
	if st.begun {
		c.tracked.unfinished.Add(-n)
	}
	if st.ended { // meanwhile
		c.tracked.release(n)
	} else {
		st.charged += n
	}
	return true
}

// begin tells the tracker that a request is whole, or attended to.
func (c *http2Conn) begin(st *http2Stream) {
	if !st.begun {
		st.begun = true
		c.tracked.begin(st.charged)
	}
}

// refuse answers a stream whose handler has not started.
func (c *http2Conn) refuse(st *http2Stream, status int) {
	if st.ended { // while the lock was released
		return
	}
	header := http.Header{"Content-Length": {"0"}}
	if status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	c.appendHeader(st.id, status, header, true)
	if !st.whole {
		c.out = appendReset(c.out, st.id, http2.ErrCodeNo)
	}
	c.end(st)
	c.flush()
}

// start starts the handler, once.
func (c *http2Conn) start(st *http2Stream) {
	if st.started || st.ended {
		return
	}
	ok := c.charge(st, takesHandler)
	if st.started || st.ended { // while the lock was released
		return
	}
	if !ok {
		c.refuse(st, http.StatusServiceUnavailable)
		return
	}
	st.started = true
	if st.whole {
		c.begin(st)
	}
	c.handlers.Add(1)
	go st.run()
}

func (st *http2Stream) run() {
	c := st.conn
	defer c.handlers.Done()
	w := &http2Response{stream: st, header: http.Header{}}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.finish(st)
		c.flush()
	}()
	defer c.server.logPanic(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if st.err == nil {
			c.cancel(st, http.ErrAbortHandler)
			c.out = appendReset(c.out, st.id, http2.ErrCodeInternal)
		}
	})
	c.server.handler.ServeHTTP(w, st.request)
	w.finish()
}

// finish ends a stream whose answer is in out. The client must not see the answer's end before: it may
// open another stream then.
func (c *http2Conn) finish(st *http2Stream) {
	if !st.ended && st.err == nil && (!st.whole || st.bodyErr != nil) {
		c.out = appendReset(c.out, st.id, http2.ErrCodeNo) // the rest of the body is not needed
	}
	c.end(st)
}

// end forgets a stream.
func (c *http2Conn) end(st *http2Stream) {
	if st.ended {
		return
	}
	st.ended = true
	if c.streams[st.id] == st {
		delete(c.streams, st.id)
	}
	c.active--
	st.reading.set(c, time.Time{})
	st.writing.set(c, time.Time{})
	if st.done != nil && st.err == nil {
		close(st.done)
	}
	st.endBody(http.ErrBodyReadAfterClose)
	st.bodyErr, st.body, st.unread = http.ErrBodyReadAfterClose, nil, nil
	if st.started || st.begun {
		c.begin(st)
		c.tracked.end(st.charged)
	} else { // it was reset or refused, which is not an answer
		c.tracked.unfinished.Add(-st.charged)
		c.tracked.release(st.charged)
	}
	if c.goaway {
		c.changed.Broadcast()
	}
}

// cancel ends a stream early. Its handler goes on until it sees that.
func (c *http2Conn) cancel(st *http2Stream, err error) {
	if st.err != nil {
		return
	}
	st.err = err
	if st.done != nil && !st.ended {
		close(st.done)
	}
	st.endBody(err)
	delete(c.streams, st.id)
	if !st.started {
		c.end(st)
	}
}

// Deadline is part of context.Context.
func (st *http2Stream) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done is part of context.Context. Most handlers don't call it.
func (st *http2Stream) Done() <-chan struct{} {
	st.conn.mu.Lock()
	defer st.conn.mu.Unlock()
	if st.done == nil {
		st.done = make(chan struct{})
		if st.err != nil || st.ended {
			close(st.done)
		}
	}
	return st.done
}

// Err is part of context.Context.
func (st *http2Stream) Err() error {
	st.conn.mu.Lock()
	defer st.conn.mu.Unlock()
	if st.err != nil || st.ended {
		return context.Canceled
	}
	return nil
}

// Value is part of context.Context.
func (st *http2Stream) Value(key any) any {
	switch key {
	case connKey{}:
		return st.conn.tracked
	case http.LocalAddrContextKey:
		return st.conn.LocalAddr()
	}
	return nil
}
