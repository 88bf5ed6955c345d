package navigator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// programVar names the program that this binary is: a process with a page.
const programVar = "BEACON_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(programVar); name != "" {
		program(name, os.Args[1])
	}
	os.Exit(m.Run())
}

// program sends a page's beacon and ends. A program without "standby" in its name does not call beacon.Start.
func program(name, url string) {
	if strings.HasPrefix(name, "standby") {
		beacon.Start()
	}
	agent := navigator.NewAgent(navigator.Config{HonorDoNotTrack: strings.Contains(name, "honoring")})
	n := navigator.Navigator{Agent: agent, Page: &navigator.Page{URL: "http://shop.example/cart"}}
	if ok, err := n.SendBeacon(url, name); !ok || err != nil {
		fmt.Println("SendBeacon:", ok, err)
		os.Exit(3)
	}
	if strings.HasSuffix(name, "killed") {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
		}
		select {} // until the signal comes
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	agent.Flush(ctx) // which fails if the server does not answer
	os.Exit(0)
}

// run runs a program until it ends.
func run(t *testing.T, outbox, url, name string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], url)
	cmd.Env = append(os.Environ(), programVar+"="+name, "BEACON_OUTBOX="+outbox, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 3) {
		t.Fatalf("the program %q: %v: %s", name, err, out)
	}
}

// A server keeps the requests that it gets.
type server struct {
	*httptest.Server
	requests chan request
}

type request struct {
	*http.Request
	body string
}

// key is the Idempotency-Key of a beacon.
func (r request) key() string { return r.Header.Get("Idempotency-Key") }

// serve starts a server. answer may be nil.
func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveAt(t, listener, answer)
}

func serveAt(t *testing.T, listener net.Listener, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{requests: make(chan request, 1000)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.requests <- request{r, string(body)}
		if answer != nil {
			answer(w, r)
		}
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// localhost is the server's URL with another host, which is another site.
func (s *server) localhost() string { return strings.Replace(s.URL, "127.0.0.1", "localhost", 1) }

// next waits for a request.
func (s *server) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-s.requests:
		return r
	case <-time.After(30 * time.Second):
		t.Fatal("got no request in 30 s, want one")
		return request{}
	}
}

// beacons waits for n beacons with different keys. A key can come twice, because delivery is at least once.
func (s *server) beacons(t *testing.T, n int) map[string]request {
	t.Helper()
	got := map[string]request{}
	for len(got) < n {
		r := s.next(t)
		got[r.key()] = r
	}
	return got
}

// received returns the requests that have come and that no call has returned yet.
func (s *server) received() (got []request) {
	for {
		select {
		case r := <-s.requests:
			got = append(got, r)
		default:
			return got
		}
	}
}

// lines returns the request line of each request, without the protocol.
func lines(requests []request) (lines []string) {
	for _, r := range requests {
		lines = append(lines, r.Method+" "+r.RequestURI)
	}
	return lines
}

// newAgent returns an agent, with an outbox of its own if the config has none, that the test's end closes.
func newAgent(t testing.TB, c navigator.Config) *navigator.Agent {
	if c.Dir == "" {
		c.Dir = proctest.OutboxDir(t)
	}
	a := navigator.NewAgent(c)
	t.Cleanup(func() { a.Close() })
	return a
}

// newNavigator returns the navigator of a page, with an outbox of its own.
func newNavigator(t testing.TB, url string) *navigator.Navigator {
	return &navigator.Navigator{Agent: newAgent(t, navigator.Config{}), Page: &navigator.Page{URL: url}}
}

func queue(t *testing.T, n *navigator.Navigator, url string, data any) {
	t.Helper()
	if ok, err := n.SendBeacon(url, data); !ok || err != nil {
		t.Fatalf("SendBeacon(%q): got %v, %v; want true, nil", url, ok, err)
	}
}

func flush(t *testing.T, a *navigator.Agent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := a.Flush(ctx); err != nil {
		t.Fatalf("Flush: got %v, want nil", err)
	}
}

func isTypeError(err error) bool {
	var e *beacon.TypeError
	return errors.As(err, &e)
}
