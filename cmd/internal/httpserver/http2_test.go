package httpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// certificateOfTests is a self-signed certificate that clients of tests don't verify.
var certificateOfTests = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(100 * 365 * 24 * time.Hour), DNSNames: []string{"test.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// A testServer is a Server, or net/http's one, that listens with and without TLS.
type testServer struct {
	*Server // nil for net/http's
	plain   string
	secure  string
}

func listenUnix(t testing.TB, name string) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir has the test's name, and a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serveTest serves until the test ends, and then fails it unless all memory is released.
func serveTest(t testing.TB, o Options) *testServer {
	t.Helper()
	s := New(o)
	plain, secure := listenUnix(t, "p"), listenUnix(t, "s")
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(plain) }()
	go func() {
		ended <- s.ServeTLS(secure, &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}})
	}()
	t.Cleanup(func() {
		s.Close()
		for range 2 {
			if err := <-ended; err != http.ErrServerClosed {
				t.Errorf("Serve returned %v, want http.ErrServerClosed", err)
			}
		}
		awaitReleased(t, s)
	})
	return &testServer{s, plain.Addr().String(), secure.Addr().String()}
}

// serveNetHTTP serves the same handler by net/http.
func serveNetHTTP(t testing.TB, h http.Handler) *testServer {
	t.Helper()
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), MaxHeaderBytes: maxHeader, Protocols: new(http.Protocols),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}}}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	plain, secure := listenUnix(t, "np"), listenUnix(t, "ns")
	go s.Serve(plain)
	go s.ServeTLS(secure, "", "")
	t.Cleanup(func() { s.Close() })
	return &testServer{nil, plain.Addr().String(), secure.Addr().String()}
}

// eachTransport runs a test over TLS and without it.
func eachTransport(t *testing.T, run func(t *testing.T, overTLS bool)) {
	t.Run("TLS", func(t *testing.T) { run(t, true) })
	t.Run("h2c", func(t *testing.T) { run(t, false) })
}

// connect returns a connection on which HTTP/2 may begin.
func (s *testServer) connect(t testing.TB, overTLS bool) net.Conn {
	t.Helper()
	address := s.plain
	if overTLS {
		address = s.secure
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if overTLS {
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		return secure
	}
	return conn
}

// dial returns a client of HTTP/2 whose preface is sent.
func (s *testServer) dial(t testing.TB, overTLS bool, settings ...http2.Setting) *frameClient {
	t.Helper()
	c := newFrameClient(t, s.connect(t, overTLS))
	c.begin(settings...)
	return c
}

// client returns a client that speaks HTTP/2 only.
func (s *testServer) client(t testing.TB, overTLS bool) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true, ExpectContinueTimeout: 5 * time.Second,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	var dialer net.Dialer
	address := s.plain
	if overTLS {
		address = s.secure
		transport.Protocols.SetHTTP2(true)
	} else {
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", address)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// url is that of a request to a test server.
func testURL(overTLS bool, path string) string {
	if overTLS {
		return "https://test.example" + path
	}
	return "http://test.example" + path
}

// awaitReleased waits until a tracker holds nothing any more, and fails the test where that
// does not come.
func awaitReleased(t testing.TB, s *Server) {
	t.Helper()
	awaitTracker(t, s, "all is released", func(tr *tracker) bool {
		return tr.held.Load() == 0 && tr.requests.Load() == 0 && len(tr.conns) == 0 && len(tr.leaving) == 0 && len(tr.of) == 0
	})
}

// awaitTracker waits until a condition holds, which is called under the tracker's lock.
func awaitTracker(t testing.TB, s *Server, what string, holds func(*tracker) bool) {
	t.Helper()
	tr := s.tracker
	awaitCondition(t, what, func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		return holds(tr)
	}, func() string {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		unfinished := int64(0)
		for c := range tr.conns {
			unfinished += c.unfinished.Load()
		}
		return fmt.Sprintf("held %d, requests %d, connections %d with %d unfinished, leaving %d, addresses %d", tr.held.Load(), tr.requests.Load(), len(tr.conns), unfinished, len(tr.leaving), len(tr.of))
	})
}

// awaitCondition waits for what gives no signal of its own. It looks each millisecond.
func awaitCondition(t testing.TB, what string, holds func() bool, state func() string) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(20 * time.Second); !holds(); <-look.C {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s: %s", what, state())
		}
	}
}

// goroutinesOf returns the stacks of the package's goroutines that are not a test's, and of handlers.
func goroutinesOf(t testing.TB) (stacks []string) {
	all := make([]byte, 1<<22)
	all = all[:runtime.Stack(all, true)]
	for _, stack := range strings.Split(string(all), "\n\n") {
		ours := strings.Contains(stack, "http2Stream).run") || !strings.Contains(stack, "testing.tRunner") && !strings.Contains(stack, "_test.go")
		if strings.Contains(stack, "internal/httpserver.") && ours {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// A pipeListener accepts connections in memory, so that the clock of a synctest bubble is theirs.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// inBubble runs a test in a synctest bubble, with a Server of connections in memory. It fails where a
// goroutine is left or memory is not released at the end.
func inBubble(t *testing.T, o Options, run func(t *testing.T, s *Server, l *pipeListener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		s := New(o)
		go s.Serve(l)
		defer s.Close() // where run fails the test
		run(t, s, l)
		s.Close()
		synctest.Wait()
		if held, requests, open := s.tracker.held.Load(), s.tracker.requests.Load(), len(s.tracker.conns)+len(s.tracker.leaving); held != 0 || requests != 0 || open != 0 {
			t.Errorf("after Close %d bytes are held, %d of them of requests, by %d connections; want 0", held, requests, open)
		}
	})
}

// frames returns a client on a new connection in memory, whose preface is sent.
func (l *pipeListener) frames(t *testing.T, settings ...http2.Setting) *frameClient {
	c := newFrameClient(t, l.dial())
	t.Cleanup(func() { c.Close() })
	c.patience = 10 * time.Minute
	c.begin(settings...)
	return c
}
