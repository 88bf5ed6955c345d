package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A receivedFrame is a frame that a server sent.
type receivedFrame struct {
	kind   http2.FrameType
	flags  http2.Flags
	stream uint32
	code   http2.ErrCode     // of RST_STREAM and GOAWAY
	number uint32            // of GOAWAY the last stream, of WINDOW_UPDATE the increment
	header map[string]string // of HEADERS
	data   []byte            // of DATA and PING
}

func (f receivedFrame) end() bool { return f.flags.Has(http2.FlagDataEndStream) } // HEADERS has the same bit

func (f receivedFrame) String() string {
	return fmt.Sprintf("%v stream=%d flags=%#x code=%v number=%d header=%v data=%.60q", f.kind, f.stream, f.flags, f.code, f.number, f.header, f.data)
}

// A frameClient sends frames as a test writes them, also malformed ones. A goroutine reads all
// frames of the server.
type frameClient struct {
	testing.TB
	net.Conn
	*http2.Framer
	encoder  *hpack.Encoder
	block    bytes.Buffer
	received chan receivedFrame
	readErr  error // why received was closed
	patience time.Duration
}

func newFrameClient(t testing.TB, conn net.Conn) *frameClient {
	c := &frameClient{TB: t, Conn: conn, Framer: http2.NewFramer(conn, conn), received: make(chan receivedFrame, 1<<12), patience: 30 * time.Second}
	c.Framer.AllowIllegalWrites = true
	c.Framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.Framer.MaxHeaderListSize = 1 << 20
	c.encoder = hpack.NewEncoder(&c.block)
	return c
}

// begin sends the preface and starts to read.
func (c *frameClient) begin(settings ...http2.Setting) {
	go c.read()
	io.WriteString(c.Conn, http2.ClientPreface)
	c.WriteSettings(settings...)
}

func (c *frameClient) read() {
	defer close(c.received)
	for {
		f, err := c.Framer.ReadFrame()
		if err != nil {
			c.readErr = err
			return
		}
		r := receivedFrame{kind: f.Header().Type, flags: f.Header().Flags, stream: f.Header().StreamID}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			r.header = map[string]string{}
			for _, field := range f.Fields {
				r.header[field.Name] = field.Value
			}
		case *http2.DataFrame:
			r.data = bytes.Clone(f.Data())
		case *http2.RSTStreamFrame:
			r.code = f.ErrCode
		case *http2.GoAwayFrame:
			r.code, r.number = f.ErrCode, f.LastStreamID
		case *http2.WindowUpdateFrame:
			r.number = f.Increment
		case *http2.PingFrame:
			r.data = f.Data[:]
		}
		c.received <- r
	}
}

// field block of names and values in turn.
func (c *frameClient) encode(fields ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(c.block.Bytes())
}

// post sends the header of a POST with more fields.
func (c *frameClient) post(stream uint32, end bool, fields ...string) {
	c.request("POST", "/", stream, end, fields...)
}

func (c *frameClient) request(method, path string, stream uint32, end bool, fields ...string) {
	block := c.encode(append([]string{":method", method, ":path", path, ":scheme", "https", ":authority", "test.example"}, fields...)...)
	first := block[:min(len(block), maxFrame)]
	rest := block[len(first):]
	c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: end, EndHeaders: len(rest) == 0})
	for len(rest) > 0 {
		next := rest[:min(len(rest), maxFrame)]
		rest = rest[len(next):]
		c.WriteContinuation(stream, len(rest) == 0, next)
	}
}

// data sends a body in frames of at most 16 KiB, without regard to flow control.
func (c *frameClient) data(stream uint32, end bool, body []byte) {
	for first := true; first || len(body) > 0; first = false {
		part := body[:min(len(body), maxFrame)]
		body = body[len(part):]
		c.WriteData(stream, end && len(body) == 0, part)
	}
}

// await returns the first frame of a kind and a stream. Those before it are dropped, and are in the
// failure's text where none comes.
func (c *frameClient) await(kind http2.FrameType, stream uint32) receivedFrame {
	c.Helper()
	timeout := time.NewTimer(c.patience)
	defer timeout.Stop()
	var before []receivedFrame
	for {
		select {
		case f, ok := <-c.received:
			if !ok {
				c.Fatalf("the connection ended with %v; wanted %v of stream %d; came %v", c.readErr, kind, stream, before)
			}
			if f.kind == kind && f.stream == stream && (kind != http2.FramePing || f.flags.Has(http2.FlagPingAck)) {
				return f
			}
			before = append(before, f)
		case <-timeout.C:
			c.Fatalf("no %v of stream %d came; came %v", kind, stream, before)
		}
	}
}

// answer reads what a stream is answered: the header, the body, and the code where it was reset.
func (c *frameClient) answer(stream uint32) (header map[string]string, body []byte, reset http2.ErrCode) {
	c.Helper()
	timeout := time.NewTimer(c.patience)
	defer timeout.Stop()
	for {
		select {
		case f, ok := <-c.received:
			if !ok {
				c.Fatalf("stream %d has no whole answer: %v %.100q; the connection ended with %v", stream, header, body, c.readErr)
			}
			if f.stream != stream {
				continue
			}
			switch f.kind {
			case http2.FrameHeaders:
				if f.header[":status"] != "100" {
					header = f.header
				}
			case http2.FrameData:
				body = append(body, f.data...)
			case http2.FrameRSTStream:
				return header, body, f.code
			default:
				continue
			}
			if f.end() {
				return header, body, 0
			}
		case <-timeout.C:
			c.Fatalf("stream %d has no whole answer: %v %.100q", stream, header, body)
		}
	}
}

// expectStatus fails the test unless a stream is answered with a status.
func (c *frameClient) expectStatus(stream uint32, status string) {
	c.Helper()
	if header, body, code := c.answer(stream); header[":status"] != status {
		c.Errorf("stream %d is answered %v %.100q, reset %v; want %s", stream, header, body, code, status)
	}
}

// ends returns the GOAWAY that the server ends the connection with, or false where it sends none.
func (c *frameClient) ends() (goaway receivedFrame, ok bool) {
	c.Helper()
	timeout := time.NewTimer(c.patience)
	defer timeout.Stop()
	for {
		select {
		case f, more := <-c.received:
			if !more {
				return goaway, ok
			}
			if f.kind == http2.FrameGoAway {
				goaway, ok = f, true
			}
		case <-timeout.C:
			c.Fatal("the connection does not end")
		}
	}
}

// expectError fails the test unless a GOAWAY of a code comes, and closes the connection.
func (c *frameClient) expectError(code http2.ErrCode) {
	c.Helper()
	if f := c.await(http2.FrameGoAway, 0); f.code != code {
		c.Errorf("%v, want %v", f, code)
	}
	c.Conn.Close()
}

// ping returns when the server has read all that was sent before.
func (c *frameClient) ping() {
	c.Helper()
	c.WritePing(false, [8]byte{1, 2, 3})
	c.await(http2.FramePing, 0)
}
