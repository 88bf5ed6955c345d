package httpserver

import (
	"errors"
	"io"
	"net/http"
	"os"

	"golang.org/x/net/http2"
)

// endBody ends a body. err is nil if it is whole.
func (st *http2Stream) endBody(err error) {
	if !st.whole {
		st.whole, st.bodyErr = true, err
		st.conn.changed.Broadcast()
	}
}

// endOfBody ends a body as the client does.
func (c *http2Conn) endOfBody(st *http2Stream) error {
	if st.length >= 0 && st.came != st.length {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	}
	st.endBody(nil)
	if st.started {
		c.begin(st)
	} else {
		c.start(st)
	}
	return nil
}

func (c *http2Conn) readData(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(f.Length) // with padding
	if c.received += n; c.received > connWindow {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	if c.received > connWindow/2 {
		c.out = appendWindowUpdate(c.out, 0, c.received)
		c.received = 0
		c.flush()
	}
	st := c.streams[f.StreamID]
	switch {
	case f.StreamID > c.last:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case st == nil || st.whole:
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	case n > st.room:
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	data := f.Data()
	st.room -= n
	c.giveRoom(st, n-int64(len(data)))
	if st.came += int64(len(data)); st.length >= 0 && st.came > st.length {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
	}
	if len(data) > 0 {
		if !c.charge(st, int64(len(data))) {
			if !st.started {
				c.refuse(st, http.StatusServiceUnavailable)
				return nil
			}
			c.cancel(st, errNoRoom)
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeEnhanceYourCalm}
		}
		st.keep(data)
	}
	if f.StreamEnded() {
		return c.endOfBody(st)
	}
	if st.came >= longBody {
		c.start(st)
	}
	return nil
}

var errNoRoom = errors.New("too much is coming in; try again later")

// keep appends to what the handler has not read.
func (st *http2Stream) keep(data []byte) {
	switch {
	case len(st.unread) > 0 && cap(st.unread)-len(st.unread) >= len(data):
		st.unread = append(st.unread, data...)
	case len(st.unread) > 0:
		st.body = append(st.unread, data...)
		st.unread = st.body
	default:
		st.body = append(st.body[:0], data...)
		st.unread = st.body
	}
	st.conn.changed.Broadcast()
}

// An http2Body is the stream as its request's body.
type http2Body http2Stream

func (b *http2Body) Read(p []byte) (int, error) {
	st := (*http2Stream)(b)
	c := st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(st.unread) == 0 && !st.whole {
		if st.reading.passed() {
			return 0, os.ErrDeadlineExceeded
		}
		c.changed.Wait()
	}
	n := copy(p, st.unread)
	st.unread = st.unread[n:]
	if st.whole {
		if len(st.unread) > 0 {
			return n, nil
		}
		if st.bodyErr != nil {
			return n, st.bodyErr
		}
		return n, io.EOF
	}
	st.charged -= int64(n)
	if !st.begun {
		c.tracked.unfinished.Add(-int64(n))
	}
	c.tracked.release(int64(n))
	c.giveRoom(st, int64(n))
	return n, nil
}

// giveRoom lets the client send n bytes more of a body, once they are many.
func (c *http2Conn) giveRoom(st *http2Stream, n int64) {
	if st.credit += n; st.credit >= streamWindow/4 {
		st.room += st.credit
		c.out = appendWindowUpdate(c.out, st.id, st.credit)
		st.credit = 0
		c.flush()
	}
}

// Close is part of io.ReadCloser. The rest of the body is refused when the handler ends.
func (b *http2Body) Close() error { return nil }
