package httpserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// echo answers with all that it sees of a request.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var all []string
	for name, values := range r.Header {
		for _, v := range values {
			all = append(all, fmt.Sprintf("%q: %q", name, v))
		}
	}
	slices.Sort(all)
	w.Header().Set("X-Seen", "yes")
	defer func() { r.URL.RawQuery += " changed" }() // must not change what others see
	switch r.URL.Path {
	case "/204":
		w.WriteHeader(204)
		return
	case "/close":
		w.Header().Set("Connection", "close")
	case "/panic":
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(w, "%s %q %q %q %q %d %v %q %v\n%s\n", r.Method, r.RequestURI, r.URL.Path, r.URL.RawQuery, r.Host, r.ContentLength, r.Proto, body, err, strings.Join(all, "\n"))
})

// start serves h by a Server and by net/http, over unix sockets, of which there are more than ports.
func start(t testing.TB, h http.Handler) (ours, reference string, s *Server) {
	t.Helper()
	a, b, s, other := listenBoth(t, h)
	go s.Serve(a)
	go other.Serve(b)
	return a.Addr().String(), b.Addr().String(), s
}

// startTLS is start over TLS.
func startTLS(t testing.TB, h http.Handler) (ours, reference string, s *Server) {
	t.Helper()
	cert, key, _ := certtest.Write(t, t.TempDir(), 1)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b, s, other := listenBoth(t, h)
	go s.ServeTLS(a, TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }))
	go other.ServeTLS(b, cert, key)
	return a.Addr().String(), b.Addr().String(), s
}

func listenBoth(t testing.TB, h http.Handler) (ours, reference net.Listener, s *Server, other *http.Server) {
	t.Helper()
	dir := t.TempDir()
	listen := func(name string) net.Listener {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	s = New(Options{Handler: h})
	other = &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { s.Close(); other.Close() })
	return listen("a"), listen("b"), s, other
}

// exchange sends raw, closes that direction, and returns the answers without their dates.
func exchange(t testing.TB, address, raw string) string {
	t.Helper()
	return exchangeOver(t, address, raw, func(conn *net.UnixConn) halfCloser { return conn })
}

// exchangeTLS is exchange over TLS.
func exchangeTLS(t testing.TB, address, raw string) string {
	t.Helper()
	return exchangeOver(t, address, raw, func(conn *net.UnixConn) halfCloser { return tls.Client(conn, clientTLS) })
}

var clientTLS = &tls.Config{
	InsecureSkipVerify: true, ServerName: "beacon.example",
	NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(8),
}

type halfCloser interface {
	net.Conn
	CloseWrite() error
}

func exchangeOver(t testing.TB, address, raw string, over func(*net.UnixConn) halfCloser) string {
	t.Helper()
	unix, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	unix.SetDeadline(time.Now().Add(10 * time.Second))
	conn := over(unix.(*net.UnixConn))
	io.WriteString(conn, raw)
	conn.CloseWrite()
	return answers(conn)
}

// answers reads responses until the end, as a client does.
func answers(conn net.Conn) (all string) {
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: "POST"})
		if err != nil {
			return all
		}
		body, _ := io.ReadAll(res.Body)
		res.Header.Del("Date")
		res.Header.Del("Content-Length") // net/http sends long answers in chunks
		var header []string
		for name, values := range res.Header {
			header = append(header, fmt.Sprint(name, values))
		}
		slices.Sort(header)
		all += fmt.Sprintf("%s %v close=%v\n%s\n", res.Status, header, res.Close, body)
	}
}

var same = []string{
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /a/b?c=d%20e&f HTTP/1.1\r\nHost: x:8080\r\nContent-Length: 0\r\n\r\n",
	"POST /204 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"POST /close HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"POST /panic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
	"POST / HTTP/1.1\r\nhOsT: x\r\ncontent-length:3\r\ncookie: a\r\nCookie: b\r\nX-Empty:\r\nX-Pad: \t a b \t \r\n\r\nabc",
	"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", // cut short
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\nContent-Length: 3\n\nabc",
	"POST / HTTP/1.1\r\nHost:\nx\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nX: caf\xc3\xa9 \xff\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nX\xff: a\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nno colon\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\n: a\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost:\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: a b\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.2\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/2.0\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /  HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /#a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST //a//b/../c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST /a//b/../c/. HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST http://x/a HTTP/1.1\r\nHost: y\r\nContent-Length: 3\r\n\r\nabc",
	"POST * HTTP/1.1\r\nHost: y\r\nContent-Length: 3\r\n\r\nabc",
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"post / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST /\r\nHost: x\r\n\r\n",
	"GET /\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: Keep-Alive\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nPragma: no-cache\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: x\r\n\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000),
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("x", 65536),
	"POST / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 3\r\n\r\nabc",
	"POST /" + strings.Repeat("a", 5000) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n0000",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n00000",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n0POST",
	"POST / HT",
	"PO",
	"PRI / HTTP/1.1\r\nHost: x\r\n\r\n",
	"PRI * HTTP/1.1\r\nHost: x\r\n\r\n",
	"PRI ",
	"",
	"\x16\x03\x01\x02\x00garbage\r\n\r\n",
}

func TestHTTP1_RawRequests_AnswersAsNetHTTP(t *testing.T) {
	ours, reference, _ := start(t, echo)
	for _, raw := range same {
		compare(t, raw, ours, reference, exchange)
	}
}

func TestHTTP1_RawRequestsOverTLS_AnswersAsNetHTTP(t *testing.T) {
	ours, reference, _ := startTLS(t, echo)
	for _, raw := range same {
		compare(t, raw, ours, reference, exchangeTLS)
	}
}

// compare checks that a Server answers raw as net/http does.
func compare(t *testing.T, raw, ours, reference string, exchange func(t testing.TB, address, raw string) string) {
	t.Helper()
	if got, want := exchange(t, ours, raw), exchange(t, reference, strings.TrimLeft(raw, "\r\n")); got != want {
		t.Errorf("%.200q\nis answered\n%s\nand by net/http\n%s", raw, got, want)
	}
}

// emptyLines are more than net/http ignores between two requests.
var emptyLines = regexp.MustCompile(`[\r\n]{5}`)

func FuzzHTTP1_RawRequests_AnswersAsNetHTTP(f *testing.F) {
	ours, reference, _ := start(f, echo)
	fuzzRaw(f, ours, reference, exchange)
}

func FuzzHTTP1_RawRequestsOverTLS_AnswersAsNetHTTP(f *testing.F) {
	ours, reference, _ := startTLS(f, echo)
	fuzzRaw(f, ours, reference, exchangeTLS)
}

func fuzzRaw(f *testing.F, ours, reference string, exchange func(t testing.TB, address, raw string) string) {
	for _, raw := range same {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !emptyLines.Match(raw) {
			compare(t, string(raw), ours, reference, exchange)
		}
	})
}

func TestHTTP1_BytesOneByOne_AreAnswered(t *testing.T) {
	ours, _, _ := start(t, echo)
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	for _, raw := range []string{same[0], same[6], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"} {
		for i := range raw {
			io.WriteString(conn, raw[i:i+1])
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%q: %v %v", raw, res, err)
		}
		io.Copy(io.Discard, res.Body)
	}
}

// pipes is a listener whose connections are in memory, so that a bubble's clock is theirs.
type pipes struct {
	conns chan net.Conn
	net.Listener
}

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { return nil }

func TestHTTP1_SlowClients_AreClosedInTime(t *testing.T) {
	for name, x := range map[string]struct {
		raw  string
		ends time.Duration
	}{
		"silent":         {"", 10 * time.Second},
		"half a header":  {"POST / HTTP/1.1\r\nHos", 10 * time.Second},
		"half a body":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 30 * time.Second},
		"idle":           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 120 * time.Second},
		"idle, and more": {same[5] + same[5], 120 * time.Second},
		"half a second":  {same[0] + "POST", 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := pipes{conns: make(chan net.Conn)}
			s := New(Options{Handler: echo})
			go s.Serve(l)
			defer s.Close()
			defer close(l.conns)
			client, server := net.Pipe()
			l.conns <- server
			began := time.Now()
			io.WriteString(client, x.raw)
			io.ReadAll(client) // until it is closed
			if took := time.Since(began); took < x.ends || took > x.ends+3*time.Second {
				t.Errorf("%s: it is closed after %v, not %v", name, took, x.ends)
			}
		})
	}
}

func TestShutdown_RequestRunning_IsAnswered(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
		w.WriteHeader(204)
	}))
	dial := func() net.Conn {
		conn, err := net.Dial("unix", ours)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	silent, busy := dial(), dial()
	io.WriteString(busy, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(t.Context()) }()
	if b, err := io.ReadAll(silent); err != nil || len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned before the request was answered: %v", err)
	default:
	}
	close(finish)
	if got := answers(busy); !strings.HasPrefix(got, "204") || !strings.Contains(got, "close=true") {
		t.Errorf("%q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("unix", ours); err == nil {
		conn.Close()
		t.Error("the server still listens")
	}
}

func TestShutdown_NoTimeLeft_ReturnsAnError(t *testing.T) {
	begun, finish := make(chan bool), make(chan bool)
	defer close(finish)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		<-finish
	}))
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	<-begun
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(soon); err == nil {
		t.Error("no error")
	}
}

type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

func TestHTTP1_HandlerPanics_ClosesTheConnectionOnly(t *testing.T) {
	logged := make(chan string, 1)
	ours, _, s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("at the disco")
		}
		w.WriteHeader(204)
	}))
	s.log = slog.New(slog.NewTextHandler(writerFunc(func(line string) { logged <- line }), nil))
	if got := exchange(t, ours, "POST /panic HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); got != "" {
		t.Errorf("%q", got)
	}
	if got := exchange(t, ours, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); !strings.HasPrefix(got, "204") {
		t.Errorf("%q", got)
	}
	if line := <-logged; !strings.Contains(line, "at the disco") || !strings.Contains(line, "http1_test.go") {
		t.Errorf("the log is %q", line)
	}
}

func TestHTTP1_BodyNotRead_IsNotTheNextRequest(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, r.URL.Path)
	}))
	raw := "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("POST /evil HTTP/1.1\r\nHost: x\r\n\r\n", 1000)[:9000] +
		"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	got, want := exchange(t, ours, raw), exchange(t, reference, raw)
	if got != want || strings.Count(got, "200 OK") != 2 {
		t.Errorf("%s\nand by net/http\n%s", got, want)
	}
}

func TestHTTP1_LastAnswer_ComesBeforeTheBody(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
	}))
	for name, address := range map[string]string{"ours": ours, "net/http": reference} {
		conn, err := net.Dial("unix", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != 413 || !res.Close {
			t.Errorf("%s: %v %v", name, res, err)
		}
	}
}

func TestHTTP1_ContextAndEarlyHints_AreAsInNetHTTP(t *testing.T) {
	ours, reference, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok {
			t.Error("the context lacks the local address")
		}
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(204)
	}))
	for name, address := range map[string]string{"ours": ours, "net/http": reference} {
		if all := exchange(t, address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); !strings.Contains(all, "204") {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// A client that pipelines requests and reads no answer must not hold its connection for longer than a
// write may take.
func TestHTTP1_AnswersUnread_ConnectionIsEvicted(t *testing.T) {
	inBubble(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })}, func(t *testing.T, s *Server, l *pipeListener) {
		c := l.dial()
		defer c.Close()
		go io.WriteString(c, strings.Repeat("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 1000))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.tracker.mu.Lock()
		for conn := range s.tracker.conns {
			if conn.serves() {
				t.Error("after 3 s it counts as served, so it can't make room for others")
			}
		}
		s.tracker.mu.Unlock()
		time.Sleep(writeSeconds * time.Second)
		synctest.Wait()
		s.tracker.mu.Lock()
		defer s.tracker.mu.Unlock()
		if n := len(s.tracker.conns); n > 0 {
			t.Errorf("after %d s %d connections are open, want 0", writeSeconds+3, n)
		}
	})
}

// The answers of the admin endpoints can be long, and end with the client.
func TestHTTP1_AdminRequest_AnswerIsStreamedAndCancelled(t *testing.T) {
	canceled := make(chan error, 1)
	ours, _, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "first line\n")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			canceled <- nil
		case <-time.After(10 * time.Second):
			canceled <- errors.New("the context is not canceled")
		}
	}))
	conn, err := net.Dial("unix", ours)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST /-/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Errorf("no answer while the handler runs: %v", err)
	}
	conn.Close()
	if err := <-canceled; err != nil {
		t.Error(err)
	}
}
