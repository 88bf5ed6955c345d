package httpserver

import (
	"bytes"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// answerBuffer is how many bytes of an answer are gathered before they are sent.
const answerBuffer = 4 << 10

// An http2Response is the http.ResponseWriter of a stream. It is for the handler's goroutine.
type http2Response struct {
	stream *http2Stream
	header http.Header
	status int
	sent   bool   // the header was
	body   []byte // to be sent
}

// Header is part of http.ResponseWriter.
func (w *http2Response) Header() http.Header { return w.header }

// WriteHeader is part of http.ResponseWriter. Informational answers are not sent.
func (w *http2Response) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

// Write is part of http.ResponseWriter.
func (w *http2Response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !mayHaveBody(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if len(w.body)+len(p) <= answerBuffer {
		w.body = append(w.body, p...)
		return len(p), nil
	}
	if len(w.body) > 0 {
		if err := w.send(w.body, false); err != nil {
			return 0, err
		}
		w.body = w.body[:0]
	}
	return len(p), w.send(p, false)
}

func mayHaveBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// FlushError is for http.ResponseController.
func (w *http2Response) FlushError() error {
	w.WriteHeader(http.StatusOK)
	err := w.send(w.body, false)
	w.body = w.body[:0]
	return err
}

// SetReadDeadline is for http.ResponseController.
func (w *http2Response) SetReadDeadline(at time.Time) error {
	st := w.stream
	st.conn.mu.Lock()
	defer st.conn.mu.Unlock()
	st.deadline = 0
	st.reading.set(st.conn, at)
	return nil
}

// SetWriteDeadline is for http.ResponseController.
func (w *http2Response) SetWriteDeadline(at time.Time) error {
	st := w.stream
	st.conn.mu.Lock()
	defer st.conn.mu.Unlock()
	st.writing.set(st.conn, at)
	return nil
}

// EnableFullDuplex is for http.ResponseController: a handler may always read after it has written.
func (w *http2Response) EnableFullDuplex() error { return nil }

// finish sends what is left.
func (w *http2Response) finish() {
	w.WriteHeader(http.StatusOK)
	if !w.sent && mayHaveBody(w.status) && w.header.Get("Content-Length") == "" && (len(w.body) > 0 || !w.head()) {
		w.header.Set("Content-Length", strconv.Itoa(len(w.body)))
	}
	w.send(w.body, true)
}

// send sends the header, where it was not, and a part of the body. It waits until the client has room
// for that.
func (w *http2Response) send(p []byte, end bool) error {
	st, c := w.stream, w.stream.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := st.failed(); err != nil {
		return err
	}
	text := p
	if w.head() {
		p = nil
	}
	if !w.sent {
		w.sent = true
		if len(text) > 0 && w.header.Get("Content-Type") == "" && w.header.Get("Content-Encoding") == "" {
			w.header.Set("Content-Type", http.DetectContentType(text))
		}
		c.appendHeader(st.id, w.status, w.header, end && len(p) == 0)
	} else if end && len(p) == 0 {
		c.out = appendFrame(c.out, 0, http2.FrameData, http2.FlagDataEndStream, st.id)
	}
	for len(p) > 0 {
		if err := st.awaitRoom(); err != nil {
			return err
		}
		n := min(int64(len(p)), int64(c.frame), c.window, st.window)
		flags := http2.Flags(0)
		if end && n == int64(len(p)) {
			flags = http2.FlagDataEndStream
		}
		c.out = append(appendFrame(c.out, int(n), http2.FrameData, flags, st.id), p[:n]...)
		c.window, st.window, p = c.window-n, st.window-n, p[n:]
	}
	if end {
		c.finish(st) // which flushes later
		return nil
	}
	c.flush()
	return st.failed()
}

func (w *http2Response) head() bool { return w.stream.request.Method == http.MethodHead }

// failed returns why nothing can be sent.
func (st *http2Stream) failed() error {
	if st.err != nil {
		return st.err
	}
	return st.conn.err
}

// awaitRoom waits until the client takes more of the answer. The connection's lock is held.
func (st *http2Stream) awaitRoom() error {
	c, limit, paused := st.conn, &st.writing, false
	for st.failed() == nil && (st.window <= 0 || c.window <= 0 || len(c.out) > maxQueued) {
		if len(c.out) > 0 && !c.writing {
			c.flush()
			continue
		}
		if limit.at.IsZero() {
			limit = new(timeLimit)
			limit.set(c, time.Now().Add(writeSeconds*time.Second))
			defer limit.set(c, time.Time{})
		}
		if limit.passed() {
			c.cancel(st, os.ErrDeadlineExceeded)
			c.out = appendReset(c.out, st.id, http2.ErrCodeCancel)
			c.flush()
			break
		}
		if st.begun && !paused {
			paused = true
			c.tracked.pause(st.charged)
			defer c.tracked.begin(st.charged)
		}
		c.changed.Wait()
	}
	return st.failed()
}

// An encoder encodes headers without a table, so that it serves all connections.
type encoder struct {
	block bytes.Buffer
	hpack *hpack.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.hpack = hpack.NewEncoder(&e.block)
	e.hpack.SetMaxDynamicTableSizeLimit(0)
	return e
}}

func (e *encoder) add(name, value string) {
	e.hpack.WriteField(hpack.HeaderField{Name: name, Value: value})
}

// appendHeader appends an answer's header to out, in as many frames as it needs.
func (c *http2Conn) appendHeader(stream uint32, status int, header http.Header, end bool) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.block.Reset()
	if c.smallTable {
		c.smallTable = false
		e.block.WriteByte(1 << 5) // the table is not used: its size is 0 (RFC 7541, section 6.3)
	}
	e.add(":status", strconv.Itoa(status))
	if status >= http.StatusOK && header["Date"] == nil {
		e.add("date", date())
	}
	for name, values := range header {
		switch name {
		case "Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade":
			continue // they are of HTTP/1.1
		}
		if !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		lower := lowercase[name]
		if lower == "" {
			lower = strings.ToLower(name)
		}
		for _, value := range values {
			if value = strings.TrimSpace(lineBreaks.Replace(value)); httpguts.ValidHeaderFieldValue(value) {
				e.add(lower, value)
			}
		}
	}
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for {
		part := e.block.Next(maxFrame)
		if e.block.Len() == 0 {
			flags |= http2.FlagHeadersEndHeaders
		}
		c.out = append(appendFrame(c.out, len(part), kind, flags, stream), part...)
		if e.block.Len() == 0 {
			return
		}
		kind, flags = http2.FrameContinuation, 0
	}
}
