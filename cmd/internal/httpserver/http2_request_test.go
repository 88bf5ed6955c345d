package httpserver

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// seenHandler answers with what a test compares of a request.
var seenHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.Header().Set("X-Seen", fmt.Sprintf("%s %s host=%s length=%d body=%d cookie=%q err=%v", r.Method, r.RequestURI, r.Host, r.ContentLength, len(body), r.Header["Cookie"], err))
})

// TestHTTP2Request_Headers sends headers that no client library sends.
func TestHTTP2Request_Headers_AcceptedOrRefused(t *testing.T) {
	basic := []string{":method", "POST", ":path", "/", ":scheme", "https", ":authority", "a.example"}
	with := func(fields ...string) []string { return append(basic[:len(basic):len(basic)], fields...) }
	for _, x := range []struct {
		name   string
		fields []string
		body   int    // -1: the header ends the stream
		want   string // X-Seen, a status, or the code of a reset
	}{
		{"plain", with(), -1, `POST / host=a.example length=0 body=0 cookie=[] err=<nil>`},
		{"empty body", with(), 0, `POST / host=a.example length=-1 body=0 cookie=[] err=<nil>`},
		{"body", with(), 10, `POST / host=a.example length=-1 body=10 cookie=[] err=<nil>`},
		{"length", with("content-length", "10"), 10, `POST / host=a.example length=10 body=10 cookie=[] err=<nil>`},
		{"length twice", with("content-length", "10", "content-length", "10"), 10, `POST / host=a.example length=10 body=10 cookie=[] err=<nil>`},
		{"split cookies", with("cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"), -1, `POST / host=a.example length=0 body=0 cookie=["a=1; b=2; c=3"] err=<nil>`},
		{"host without authority", []string{":method", "GET", ":path", "/x", ":scheme", "http", "host", "b.example"}, -1, `GET /x host=b.example length=0 body=0 cookie=[] err=<nil>`},
		{"host and authority", with("host", "b.example"), -1, `POST / host=a.example length=0 body=0 cookie=[] err=<nil>`},
		{"OPTIONS *", []string{":method", "OPTIONS", ":path", "*", ":scheme", "http", ":authority", "a"}, -1, `OPTIONS * host=a length=0 body=0 cookie=[] err=<nil>`},
		{"te trailers", with("te", "trailers"), -1, `POST / host=a.example length=0 body=0 cookie=[] err=<nil>`},
		{"unknown scheme", []string{":method", "GET", ":path", "/", ":scheme", "gopher", ":authority", "a"}, -1, `GET / host=a length=0 body=0 cookie=[] err=<nil>`},

		{"length too great", with("content-length", "11"), 10, "PROTOCOL_ERROR"},
		{"length too small", with("content-length", "9"), 10, "PROTOCOL_ERROR"},
		{"length without a body", with("content-length", "1"), -1, "PROTOCOL_ERROR"},
		{"lengths that differ", with("content-length", "10", "content-length", "11"), 10, "PROTOCOL_ERROR"},
		{"length with a sign", with("content-length", "+10"), 10, "PROTOCOL_ERROR"},
		{"length below 0", with("content-length", "-1"), 10, "PROTOCOL_ERROR"},
		{"length in hex", with("content-length", "0xa"), 10, "PROTOCOL_ERROR"},
		{"length of over 63 bits", with("content-length", "9223372036854775808"), 10, "PROTOCOL_ERROR"},
		{"empty length", with("content-length", ""), 0, "PROTOCOL_ERROR"},
		{"no method", []string{":path", "/", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"no path", []string{":method", "GET", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"empty path", []string{":method", "GET", ":path", "", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"path without a slash", []string{":method", "GET", ":path", "x", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"absolute path", []string{":method", "GET", ":path", "https://a/", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"malformed path", []string{":method", "GET", ":path", "/%zz", ":scheme", "https", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"no scheme", []string{":method", "GET", ":path", "/", ":authority", "a"}, -1, "PROTOCOL_ERROR"},
		{"method twice", with(":method", "GET"), -1, "PROTOCOL_ERROR"},
		{"unknown pseudo-header", with(":x", "y"), -1, "PROTOCOL_ERROR"},
		{"status", with(":status", "200"), -1, "PROTOCOL_ERROR"},
		{"pseudo-header after a header", []string{":method", "GET", ":path", "/", "x", "y", ":scheme", "https"}, -1, "PROTOCOL_ERROR"},
		{"upper case", with("X-A", "y"), -1, "PROTOCOL_ERROR"},
		{"empty name", with("", "y"), -1, "PROTOCOL_ERROR"},
		{"name with a space", with("x y", "z"), -1, "PROTOCOL_ERROR"},
		{"value with a line break", with("x", "y\r\nz: 1"), -1, "PROTOCOL_ERROR"},
		{"value with a zero", with("x", "y\x00"), -1, "PROTOCOL_ERROR"},
		{"connection", with("connection", "close"), -1, "PROTOCOL_ERROR"},
		{"transfer-encoding", with("transfer-encoding", "chunked"), 10, "PROTOCOL_ERROR"},
		{"upgrade", with("upgrade", "h2c"), -1, "PROTOCOL_ERROR"},
		{"te", with("te", "gzip"), -1, "PROTOCOL_ERROR"},
		{"CONNECT with a path", []string{":method", "CONNECT", ":path", "/", ":scheme", "https", ":authority", "a:1"}, -1, "PROTOCOL_ERROR"},
		{"CONNECT without an authority", []string{":method", "CONNECT"}, -1, "PROTOCOL_ERROR"},

		{"30 KiB", with("x-a", strings.Repeat("x", 15<<10), "x-b", strings.Repeat("x", 15<<10)), -1, `POST / host=a.example length=0 body=0 cookie=[] err=<nil>`},
		{"over 32 KiB", with("x-a", strings.Repeat("x", 20<<10), "x-b", strings.Repeat("x", 20<<10)), -1, "431"},
		{"over 32 KiB with a body", with("x-a", strings.Repeat("x", 20<<10), "x-b", strings.Repeat("x", 20<<10)), 10, "431"},
		{"too many", with(slicesRepeat([]string{"x", "y"}, 2000)...), -1, "431"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serveTest(t, Options{Handler: seenHandler})
			c := s.dial(t, false)
			block := c.encode(x.fields...)
			for first := true; first || len(block) > 0; first = false {
				part := block[:min(len(block), maxFrame)]
				block = block[len(part):]
				if first {
					c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: part, EndStream: x.body < 0, EndHeaders: len(block) == 0})
				} else {
					c.WriteContinuation(1, len(block) == 0, part)
				}
			}
			if x.body >= 0 {
				c.data(1, true, make([]byte, x.body))
			}
			header, _, code := c.answer(1)
			got := header["x-seen"]
			switch {
			case code != 0:
				got = code.String()
			case got == "":
				got = header[":status"]
			}
			if got != x.want {
				t.Errorf("answered %q, want %q", got, x.want)
			}
			c.post(3, true) // the connection goes on
			c.expectStatus(3, "200")
		})
	}
}

func slicesRepeat(s []string, n int) (all []string) {
	for range n {
		all = append(all, s...)
	}
	return all
}

// A long path must not stay in memory while its connection idles.
func TestHTTP2Request_LongPath_IsNotKept(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Length", strconv.Itoa(len(r.URL.Path)))
	})})
	c := s.dial(t, false)
	for i, n := range []int{10, 30000, 10} {
		stream := uint32(2*i + 1)
		c.request("GET", "/"+strings.Repeat("x", n-1), stream, true)
		if header, _, _ := c.answer(stream); header["x-length"] != strconv.Itoa(n) {
			t.Errorf("a path of %d bytes is seen with %s", n, header["x-length"])
		}
		c.ping()
		s.mu.Lock()
		for conn := range s.conns {
			conn := conn.(*http2Conn)
			conn.mu.Lock()
			if kept := len(conn.target); kept > 1<<10 {
				t.Errorf("%d bytes of the path are kept", kept)
			}
			conn.mu.Unlock()
		}
		s.mu.Unlock()
	}
}

func TestHTTP2Request_Trailers_EndTheBody(t *testing.T) {
	for _, x := range []struct {
		name     string
		trailers []string
		end      bool
		want     string
	}{
		{"trailers", []string{"x-sum", "1"}, true, "200"},
		{"without END_STREAM", []string{"x-sum", "1"}, false, "PROTOCOL_ERROR"},
		{"with a pseudo-header", []string{":path", "/"}, true, "PROTOCOL_ERROR"},
		{"with upper case", []string{"X-Sum", "1"}, true, "PROTOCOL_ERROR"},
	} {
		for _, length := range []int{0, 10, longBody, 60000} {
			t.Run(x.name+" after "+strconv.Itoa(length), func(t *testing.T) {
				s := serveTest(t, Options{Handler: seenHandler})
				c := s.dial(t, false)
				c.post(1, false)
				if length > 0 {
					c.data(1, false, make([]byte, length))
				}
				c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(x.trailers...), EndStream: x.end, EndHeaders: true})
				header, _, code := c.answer(1)
				got := header[":status"]
				if code != 0 {
					got = code.String()
				}
				if got != x.want || code == 0 && !strings.Contains(header["x-seen"], fmt.Sprintf("body=%d cookie=[] err=<nil>", length)) {
					t.Errorf("answered %v %v, want %s", header, code, x.want)
				}
				c.post(3, true)
				c.expectStatus(3, "200")
			})
		}
	}
}

// A body longer or shorter than announced is an error also where its handler reads already.
func TestHTTP2Request_LongBodyOfWrongLength_HandlerGetsError(t *testing.T) {
	for _, announced := range []int{longBody + 9, longBody + 11, 200000} {
		read := make(chan error, 1)
		s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		})})
		c := s.dial(t, false)
		c.post(1, false, "content-length", strconv.Itoa(announced))
		c.data(1, true, make([]byte, longBody+10))
		if err := <-read; err == nil {
			t.Errorf("%d bytes announced, %d sent: the handler got no error", announced, longBody+10)
		}
		if _, _, code := c.answer(1); code != http2.ErrCodeProtocol {
			t.Errorf("reset with %v, want PROTOCOL_ERROR", code)
		}
	}
}

// HPACK's table must stay right across refused and malformed headers.
func TestHTTP2Request_RefusedHeaders_KeepTheTable(t *testing.T) {
	s := serveTest(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Got", r.Header.Get("X-Kept")) })})
	c := s.dial(t, false)
	c.post(1, true, "X-Upper", "malformed", "x-kept", "first")
	c.answer(1)
	c.post(3, true, "x-a", strings.Repeat("x", 20<<10), "x-b", strings.Repeat("x", 20<<10), "x-kept", "second")
	c.expectStatus(3, "431")
	for i, want := range []string{"first", "second", "third"} {
		stream := uint32(2*i + 5)
		c.post(stream, true, "x-kept", want)
		if header, _, _ := c.answer(stream); header["x-got"] != want {
			t.Errorf("x-kept: %q arrived as %v", want, header)
		}
	}
}

// A client that lowers its table's size must be obeyed (RFC 9113, section 4.3.1).
func TestHTTP2Request_SmallHeaderTable_AnswerBeginsWithItsSize(t *testing.T) {
	s := serveTest(t, Options{Handler: seenHandler})
	for range 5 { // an encoder is used for many connections
		c := newFrameClient(t, s.connect(t, false))
		c.Framer.ReadMetaHeaders = nil
		io.WriteString(c.Conn, http2.ClientPreface)
		c.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
		c.post(1, true)
		for {
			f, err := c.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if f, ok := f.(*http2.HeadersFrame); ok {
				if block := f.HeaderBlockFragment(); block[0] != 0x20 {
					t.Errorf("the answer's header begins with %#x, want 0x20", block[0])
				}
				decoder := hpack.NewDecoder(0, nil)
				if fields, err := decoder.DecodeFull(f.HeaderBlockFragment()); err != nil || fields[0].Value != "200" {
					t.Errorf("%v, %v", fields, err)
				}
				break
			}
		}
		c.Close()
	}
}
