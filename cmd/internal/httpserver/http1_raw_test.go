package httpserver

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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
