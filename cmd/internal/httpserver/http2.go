package httpserver

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Limits of a connection of HTTP/2.
const (
	maxStreams   = 100       // requests at a time
	streamWindow = 65535     // bytes of a body that may come before the handler reads them; the protocol's default
	connWindow   = 256 << 10 // bytes of bodies under way; what arrives is given back at once
	maxFrame     = 16 << 10  // bytes of a frame's payload; the protocol's default
	maxQueued    = 64 << 10  // bytes of answers that wait for the network before a handler waits
	maxRefused   = 1000      // requests over maxStreams before the connection is ended
	maxOverhead  = 1000      // frames in a row that belong to no request before the connection is ended
	headerTable  = 4 << 10   // bytes of HPACK's table; the protocol's default
)

// An http2Conn serves HTTP/2 on one connection (RFC 9113). One goroutine reads frames. A request's
// handler runs in a goroutine of its own once the body is whole, or too long to wait for. A
// goroutine that answers appends to out, and writes all of out unless another one does already.
type http2Conn struct {
	server  *Server
	tracked *trackedConn
	net.Conn
	tls    *tls.ConnectionState
	remote string

	// For the goroutine that reads.
	in       io.Reader
	framer   *http2.Framer
	target   string  // the path of the last request
	parsed   url.URL // made of that
	received int64   // bytes of bodies since the last WINDOW_UPDATE of the connection
	refused  int     // requests over maxStreams
	overhead int     // frames in a row that belong to no request

	handlers sync.WaitGroup

	mu         sync.Mutex
	changed    sync.Cond // windows, out, or err
	streams    map[uint32]*http2Stream
	active     int    // handlers that run; a stream can be reset before its handler ends
	last       uint32 // the client's newest stream
	final      uint32 // the last stream that is answered, where goaway is set
	goaway     bool   // GOAWAY was sent
	window     int64  // bytes of answers that the client has room for, of all streams
	initial    int64  // the same of a new stream
	frame      int    // bytes of a frame that the client takes
	smallTable bool   // the client's HPACK table has become smaller, so the next header must begin with its size
	out        []byte
	writing    bool
	err        error // why nothing more is read or written
}

var errShutdown = errors.New("the server is closing")

// serveHTTP2 serves a connection until it ends. in is conn, or a buffer with what was read of it.
func (s *Server) serveHTTP2(tracked *trackedConn, conn net.Conn, in io.Reader, state *tls.ConnectionState) {
	c := &http2Conn{server: s, tracked: tracked, Conn: conn, tls: state, remote: conn.RemoteAddr().String(), in: in,
		streams: map[uint32]*http2Stream{}, window: 65535, initial: 65535, frame: maxFrame}
	c.changed.L = &c.mu
	defer tracked.closed()
	defer conn.Close()
	if !s.remember(c) {
		return
	}
	defer s.forget(c)
	t := tracked.tracker
	t.mu.Lock()
	tracked.expire, tracked.goaway = c.expire, c.sayGoodbye
	t.mu.Unlock()
	err := c.read()
	c.fail(err)
	c.handlers.Wait()
	if buffer, ok := in.(*bufio.Reader); ok {
		buffer.Reset(nil)
		readers.Put(buffer)
	}
}

// read reads frames until the connection ends.
func (c *http2Conn) read() error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, preface); err != nil || string(preface) != http2.ClientPreface {
		return errors.Join(err, errors.New("this is not HTTP/2"))
	}
	c.newFramer()
	c.mu.Lock()
	c.out = appendSettings(c.out, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: maxStreams},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeader})
	c.out = appendWindowUpdate(c.out, 0, connWindow-65535)
	c.flush()
	c.mu.Unlock()
	for first := true; ; first = false {
		c.tracked.limit(0)
		if err := c.awaitQueue(); err != nil {
			return err
		}
		header, err := c.framer.ReadFrameHeader()
		if err == nil {
			c.tracked.limit(headerSeconds) // until the frame is whole, or the header that it begins
			err = c.readFrame(header, first)
		}
		if err = c.failStream(err); err != nil {
			return err
		}
		if header.Length > 1<<10 {
			c.newFramer() // whose buffer would keep the size of this frame
		}
	}
}

// awaitQueue waits while the client does not read the answers: what is read next may need one.
func (c *http2Conn) awaitQueue() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > maxQueued && c.err == nil {
		c.changed.Wait()
	}
	return c.err
}

// newFramer replaces the framer, and keeps HPACK's table.
func (c *http2Conn) newFramer() {
	var decoder *hpack.Decoder
	if c.framer != nil {
		decoder = c.framer.ReadMetaHeaders
	} else {
		decoder = hpack.NewDecoder(headerTable, nil)
	}
	c.framer = http2.NewFramer(nil, c.in)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.framer.ReadMetaHeaders, c.framer.MaxHeaderListSize = decoder, maxHeader
}

// failStream answers an error of one stream, and returns any other one.
func (c *http2Conn) failStream(err error) error {
	var stream http2.StreamError
	if !errors.As(err, &stream) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.streams[stream.StreamID]; st != nil {
		c.cancel(st, stream)
	} else {
		c.last = max(c.last, stream.StreamID)
	}
	c.out = appendReset(c.out, stream.StreamID, stream.Code)
	c.flush()
	return nil
}

// fail ends the connection, with a GOAWAY where the client broke the protocol.
func (c *http2Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	code, broken := http2.ErrCodeNo, false
	if err == io.EOF { // which would be the end of a whole body to a handler
		err = io.ErrUnexpectedEOF
	}
	var connection http2.ConnectionError
	switch {
	case c.err != nil: // a write failed before
		err = c.err
	case errors.As(err, &connection):
		code, broken = http2.ErrCode(connection), true
	case errors.Is(err, http2.ErrFrameTooLarge):
		code, broken = http2.ErrCodeFrameSize, true
	}
	if broken {
		c.out = appendGoAway(c.out, c.last, code)
		c.flush()
		for c.writing && c.err == nil { // another goroutine writes it
			c.changed.Wait()
		}
	}
	c.err = err
	for _, st := range c.streams {
		c.cancel(st, err)
	}
	c.changed.Broadcast()
	if broken {
		// To close with unread bytes could reset the connection before the client reads the reason.
		c.Conn.SetReadDeadline(time.Now().Add(lingering))
		c.mu.Unlock()
		io.Copy(io.Discard, c.Conn)
		c.mu.Lock()
	}
	c.tracked.Conn.Close()
}

// readFrame reads the rest of a frame, and does what it says.
func (c *http2Conn) readFrame(header http2.FrameHeader, first bool) error {
	f, err := c.framer.ReadFrameForHeader(header)
	if err != nil {
		return err
	}
	if _, ok := f.(*http2.SettingsFrame); first && !ok {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if header.Type == http2.FrameHeaders || header.Type == http2.FrameData && header.Length > 0 {
		c.overhead = 0
	} else if c.overhead++; c.overhead > maxOverhead && !c.answering() {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		return c.readHeaders(f)
	case *http2.DataFrame:
		return c.readData(f)
	case *http2.SettingsFrame:
		return c.readSettings(f)
	case *http2.WindowUpdateFrame:
		return c.readWindowUpdate(f)
	case *http2.RSTStreamFrame:
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.StreamID > c.last {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if st := c.streams[f.StreamID]; st != nil {
			c.cancel(st, http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode})
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.out = append(appendFrame(c.out, 8, http2.FramePing, http2.FlagPingAck, 0), f.Data[:]...)
			c.flush()
		}
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
		}
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// answering reports whether a handler runs. Its answer may need any number of WINDOW_UPDATEs.
func (c *http2Conn) answering() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active > 0
}

func (c *http2Conn) readSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingInitialWindowSize:
			by := int64(s.Val) - c.initial
			c.initial += by
			for _, st := range c.streams {
				if st.window += by; st.window > 1<<31-1 {
					return http2.ConnectionError(http2.ErrCodeFlowControl)
				}
			}
		case http2.SettingHeaderTableSize:
			c.smallTable = c.smallTable || s.Val < headerTable
		case http2.SettingMaxFrameSize:
			c.frame = min(int(s.Val), maxFrame)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.out = appendFrame(c.out, 0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	c.flush()
	c.changed.Broadcast()
	return nil
}

func (c *http2Conn) readWindowUpdate(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID > c.last {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > 1<<31-1 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	} else if st := c.streams[f.StreamID]; st != nil {
		if st.window += int64(f.Increment); st.window > 1<<31-1 {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
		}
	}
	c.changed.Broadcast()
	return nil
}

// flush writes what is in out. c.mu is held; it is released during the writing. Where another
// goroutine writes, that one does it.
func (c *http2Conn) flush() {
	if c.writing {
		return
	}
	c.writing = true
	for len(c.out) > 0 && c.err == nil {
		out := c.out
		c.out = nil
		c.tracked.writing.Store(max(1, c.tracked.tracker.clock.Load()))
		c.mu.Unlock()
		_, err := c.Conn.Write(out)
		c.mu.Lock()
		if err != nil && c.err == nil {
			c.err = err
			c.tracked.Conn.Close() // ends the reading
		}
		c.changed.Broadcast()
		if c.out == nil && cap(out) <= 1<<10 {
			c.out = out[:0]
		}
	}
	c.tracked.writing.Store(0)
	c.writing = false
	c.changed.Broadcast()
}

// shutdown ends the connection once its requests are answered.
func (c *http2Conn) shutdown() {
	go func() { // the write may wait
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.goaway {
			c.goaway, c.final = true, c.last
			c.out = appendGoAway(c.out, c.final, http2.ErrCodeNo)
			c.flush()
		}
		for (len(c.streams) > 0 || c.active > 0 || len(c.out) > 0 || c.writing) && c.err == nil {
			c.changed.Wait()
		}
		if c.err == nil {
			c.err = errShutdown
		}
		c.tracked.Conn.Close()
	}()
}

// Close closes the network's connection.
func (c *http2Conn) Close() error { return c.tracked.Conn.Close() }

// sayGoodbye sends a GOAWAY before an eviction, unless a write is under way.
func (c *http2Conn) sayGoodbye() {
	c.Conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writing && !c.goaway && c.err == nil {
		c.goaway, c.final = true, c.last
		c.out = appendGoAway(c.out, c.final, http2.ErrCodeNo)
		c.flush()
	}
}

// expire has the bodies that are overdue end with an error.
func (c *http2Conn) expire(now int64) {
	if c.tracked.unfinished.Load() == 0 {
		return
	}
	go func() { // not under the tracker's lock
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, st := range c.streams {
			if !st.whole && st.deadline > 0 && now > st.deadline {
				st.endBody(errBodySlow)
				c.start(st)
			}
		}
	}()
}

var errBodySlow = errors.New("the body took longer than 30 s")
