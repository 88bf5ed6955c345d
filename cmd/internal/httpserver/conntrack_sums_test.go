package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// reading answers requests in the ways that a path of TestConnections_EveryPath asks for.
func reading(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("as planned")
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/unread":
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case "/part":
		io.CopyN(io.Discard, r.Body, 100)
	case "/wait":
		<-r.Context().Done()
	case "/long":
		w.Write(make([]byte, 200000))
	default:
		io.Copy(io.Discard, r.Body)
	}
}

// TestConnections_EveryPath_ReleasesAll takes connections through every path on which something is
// counted. Nothing may be counted once the clients are gone, while the server goes on.
func TestConnections_EveryPath_ReleasesAll(t *testing.T) {
	long := strings.Repeat("x", 20<<10)
	raw := func(text string) func(*testing.T, *testServer) {
		return func(t *testing.T, s *testServer) {
			conn := s.connect(t, false)
			defer conn.Close()
			io.WriteString(conn, text)
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			http.ReadResponse(bufio.NewReader(conn), nil)
		}
	}
	cut := func(text string) func(*testing.T, *testServer) {
		return func(t *testing.T, s *testServer) {
			conn := s.connect(t, false)
			io.WriteString(conn, text)
			conn.Close()
		}
	}
	frames := func(do func(c *frameClient)) func(*testing.T, *testServer) {
		return func(t *testing.T, s *testServer) {
			for _, overTLS := range []bool{true, false} {
				c := s.dial(t, overTLS)
				do(c)
				c.WritePing(false, [8]byte{})
				for f := range c.received { // until the answer, or the end
					if f.kind == http2.FramePing {
						break
					}
				}
				c.Close()
			}
		}
	}
	for name, path := range map[string]func(*testing.T, *testServer){
		"no byte":                                   cut(""),
		"plain":                                     raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
		"plain, cut short":                          cut("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"),
		"plain, panic":                              raw("POST /panic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
		"plain, unread":                             raw("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + long[:20000]),
		"plain, unread and cut short":               cut("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n"),
		"net/http":                                  raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"net/http, long header":                     raw("GET / HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n"),
		"net/http, long header cut short":           cut("GET / HTTP/1.1\r\nHost: x\r\nX: " + long),
		"net/http, header over the limit":           raw("GET / HTTP/1.1\r\nHost: x\r\nX: " + long + long + "\r\n\r\n"),
		"net/http, malformed":                       raw("GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
		"net/http, long body":                       raw("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 20480\r\n\r\n" + long),
		"net/http, unread body":                     raw("PUT /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 20480\r\n\r\n" + long),
		"net/http, unread body after a long header": raw("PUT /unread HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\nContent-Length: 20480\r\n\r\n" + long),
		"net/http, body cut short":                  cut("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 20480\r\n\r\nabc"),
		"net/http, chunks":                          raw("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		"net/http, panic":                           raw("GET /panic HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n"),
		"net/http, cancelled":                       cut("GET /wait HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n"),
		"net/http, attended":                        raw("PUT /attended HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\nContent-Length: 20480\r\n\r\n" + long),
		"net/http, two requests":                    raw("GET / HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n"),
		"plain, then net/http":                      raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"HTTP to the port of TLS": func(t *testing.T, s *testServer) {
			conn, err := net.Dial("unix", s.secure)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if answer, _ := io.ReadAll(conn); !strings.Contains(string(answer), "https") {
				t.Errorf("answered %q", answer)
			}
		},
		"handshake cut short": func(t *testing.T, s *testServer) {
			conn, err := net.Dial("unix", s.secure)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "\x16\x03\x01\x02\x00\x01")
			conn.Close()
		},
		"half a preface":       cut(http2.ClientPreface[:12]),
		"wrong preface":        cut("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
		"no SETTINGS":          cut(http2.ClientPreface + string(append(appendFrame(nil, 8, http2.FramePing, 0, 0), "12345678"...))),
		"request":              frames(func(c *frameClient) { c.post(1, true); c.answer(1) }),
		"request unanswered":   frames(func(c *frameClient) { c.post(1, true) }),
		"bodies":               frames(func(c *frameClient) { c.post(1, false); c.data(1, true, make([]byte, 60000)); c.answer(1) }),
		"body unfinished":      frames(func(c *frameClient) { c.post(1, false); c.data(1, false, make([]byte, 1000)) }),
		"long body unfinished": frames(func(c *frameClient) { c.post(1, false); c.data(1, false, make([]byte, 40000)) }),
		"body unread": frames(func(c *frameClient) {
			c.request("POST", "/unread", 1, false)
			c.data(1, false, make([]byte, 60000))
			c.answer(1)
		}),
		"body read in part": frames(func(c *frameClient) {
			c.request("POST", "/part", 1, false)
			c.data(1, true, make([]byte, 60000))
			c.answer(1)
		}),
		"body reset":               frames(func(c *frameClient) { c.post(1, false); c.data(1, false, make([]byte, 1000)); c.WriteRSTStream(1, 8) }),
		"long body reset":          frames(func(c *frameClient) { c.post(1, false); c.data(1, false, make([]byte, 40000)); c.WriteRSTStream(1, 8) }),
		"body of the wrong length": frames(func(c *frameClient) { c.post(1, false, "content-length", "5"); c.data(1, true, make([]byte, 6)) }),
		"body over its window":     frames(func(c *frameClient) { c.request("POST", "/wait", 1, false); c.data(1, false, make([]byte, 70000)) }),
		"trailers": frames(func(c *frameClient) {
			c.post(1, false)
			c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode("x", "y"), EndStream: true, EndHeaders: true})
		}),
		"malformed": frames(func(c *frameClient) { c.post(1, true, "X", "y"); c.post(3, true, "connection", "close") }),
		"431":       frames(func(c *frameClient) { c.post(1, true, "x", long, "y", long); c.post(3, false, "x", long, "y", long) }),
		"panics": frames(func(c *frameClient) {
			c.request("GET", "/panic", 1, true)
			c.request("GET", "/abort", 3, true)
			c.answer(3)
		}),
		"answer unread": frames(func(c *frameClient) { c.request("GET", "/long", 1, true) }),
		"answer reset": frames(func(c *frameClient) {
			c.request("GET", "/long", 1, true)
			c.await(http2.FrameHeaders, 1)
			c.WriteRSTStream(1, 8)
		}),
		"many handlers that wait": frames(func(c *frameClient) { manyRequests(c, "/wait", 120) }),
		"attended body": frames(func(c *frameClient) {
			c.request("PUT", "/attended", 1, false)
			c.data(1, false, make([]byte, 1000))
			c.ping()
			c.data(1, true, nil)
			c.answer(1)
		}),
		"attended body unfinished": frames(func(c *frameClient) { c.request("PUT", "/attended", 1, false); c.data(1, false, make([]byte, 1000)) }),
		"Expect":                   frames(func(c *frameClient) { c.post(1, false, "expect", "100-continue"); c.await(http2.FrameHeaders, 1) }),
		"broken in the middle": frames(func(c *frameClient) {
			c.request("POST", "/wait", 1, true)
			c.post(3, false)
			c.data(3, false, make([]byte, 100))
			c.data(0, false, nil)
		}),
		"bodies without room":  frames(func(c *frameClient) { manyBodies(c, 40, 60000) }),
		"headers without room": frames(func(c *frameClient) { manyHeaderedBodies(c, 40) }),
		"connection's end in bodies": func(t *testing.T, s *testServer) {
			c := s.dial(t, true)
			manyBodies(c, 5, 50000)
			c.Close()
		},
		"largest unfinished are evicted": func(t *testing.T, s *testServer) {
			var all []*frameClient
			for range 20 {
				c := s.dial(t, false)
				c.post(1, false)
				c.data(1, false, make([]byte, 30000))
				c.WritePing(false, [8]byte{})
				all = append(all, c)
			}
			for _, c := range all {
				for f := range c.received {
					if f.kind == http2.FramePing {
						break
					}
				}
			}
			for _, c := range all {
				c.Close()
			}
		},
		"too many connections": func(t *testing.T, s *testServer) {
			for range 60 {
				defer s.connect(t, false).Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveTest(t, Options{Memory: 512 << 10, Handler: http.HandlerFunc(reading), Logger: slog.New(slog.DiscardHandler),
				Attended: func(r *http.Request) bool { return r.URL.Path == "/attended" }})
			path(t, s)
			awaitReleased(t, s.Server)
		})
	}
}

func manyRequests(c *frameClient, path string, n uint32) {
	for i := range n {
		c.request("GET", path, 2*i+1, true)
	}
}

func manyBodies(c *frameClient, n uint32, length int) {
	for i := range n {
		c.post(2*i+1, false)
		c.data(2*i+1, false, make([]byte, length))
	}
}

func manyHeaderedBodies(c *frameClient, n uint32) {
	for i := range n {
		c.post(2*i+1, false, "x", strings.Repeat("x", 15<<10))
	}
}

// Connections of a proxy begin with the PROXY protocol, and are released like others.
func TestConnections_ProxyProtocol_ReleasesAll(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-From", r.RemoteAddr) }),
		ProxyProtocol: true, PerAddress: 1, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer s.Close()
	go s.Serve(l)
	for _, x := range []struct{ begins, from string }{
		{"PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n", "203.0.113.7:4711"},
		{"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", "[2001:db8::1]:4711"},
		{"PROXY UNKNOWN\r\n", "127.0.0.1"},
		{"", "127.0.0.1"},
		{"PROXY nonsense\r\n", ""},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "%sPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", x.begins)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		switch {
		case x.from == "" && err == nil:
			t.Errorf("%q is answered", x.begins)
		case x.from != "" && (err != nil || !strings.HasPrefix(res.Header.Get("X-From"), x.from)):
			t.Errorf("%q: %v %v, want from %s", x.begins, res, err, x.from)
		}
		conn.Close()
		if x.from == "" {
			continue
		}
		if conn, err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		c := newFrameClient(t, conn)
		io.WriteString(conn, x.begins)
		c.begin()
		c.post(1, true)
		if header, _, _ := c.answer(1); !strings.HasPrefix(header["x-from"], x.from) {
			t.Errorf("%q and HTTP/2: %v, want from %s", x.begins, header, x.from)
		}
		c.Close()
	}
	awaitReleased(t, s)
}
