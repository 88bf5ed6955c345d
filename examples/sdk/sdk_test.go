// Package sdk_test runs the example of each SDK as a user does: a program, an outbox, a collector.
package sdk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An example is a program that sends one request to an endpoint.
type example struct {
	name     string // of the folder and the program
	variable string // of the environment, with the endpoint
	endpoint string // without the address
	stream   string // path of the request
	// mask returns the body without the values that differ in each run. It changes no other byte.
	mask func(t *testing.T, body []byte) []byte
}

var postHog = example{"posthog", "POSTHOG_HOST", "http://%s", "/batch/", maskBatch}

var examples = []example{
	postHog,
	{"sentry", "SENTRY_DSN", "http://public@%s/42", "/api/42/envelope/", maskEnvelope},
	{"otlp", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://%s/v1/traces", "/v1/traces", maskSpans},
	{"httpclient", "EVENTS_URL", "http://%s/events", "/events", func(_ *testing.T, body []byte) []byte { return body }},
}

// bin has the folders queued and direct, with the examples as they are and without their Transport, and the
// command beacon.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "beacon-sdk-bin-"); err == nil {
		err = build()
	}
	status := 1
	if err == nil {
		status = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(bin)
	os.Exit(status)
}

var transport = regexp.MustCompile(`&beacon\.Transport\{[^}]*\}`)

// build builds the programs. For those in direct, nil replaces the one expression with the Transport.
func build() error {
	overlay := map[string]map[string]string{"Replace": {}}
	queued := []string{"-o", filepath.Join(bin, "queued") + "/"}
	direct := []string{"-overlay", filepath.Join(bin, "overlay.json"), "-o", filepath.Join(bin, "direct") + "/"}
	for _, x := range examples {
		path, err := filepath.Abs(filepath.Join(x.name, "main.go"))
		if err != nil {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := len(transport.FindAll(source, -1)); n != 1 {
			return fmt.Errorf("%s has %d expressions with a Transport, want 1", path, n)
		}
		other := filepath.Join(bin, x.name+".go")
		if err := os.WriteFile(other, transport.ReplaceAll(source, []byte("nil")), 0o600); err != nil {
			return err
		}
		overlay["Replace"][path] = other
		queued, direct = append(queued, "./"+x.name), append(direct, "./"+x.name)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bin, "overlay.json"), text, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{queued, direct, {"-C", "../..", "-o", bin + "/", "./cmd/beacon"}} {
		cmd := exec.Command("go", append([]string{"build"}, args...)...)
		// The collector collects and exports without cgo. Debug information would double the time of linking.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-ldflags=-s -buildvcs=false")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// newDir returns a directory. It is not t.TempDir, because a deliverer can still write to it when the test ends.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "beacon-sdk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// run runs a program, which must end with status 0, and returns its output. variant is queued or direct.
func (x *example) run(t *testing.T, variant, address, outbox string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, variant, x.name))
	cmd.Env = append(os.Environ(), x.variable+"="+fmt.Sprintf(x.endpoint, address), "BEACON_OUTBOX="+outbox,
		"BEACON_DELIVERER_PATIENCE=1m",
		"SENTRY_RELEASE=1", // else the SDK runs git, whose answer changes with the work tree
	)
	began := time.Now()
	// CombinedOutput returns when no process has the pipe, so a deliverer must not inherit it.
	out, err := cmd.CombinedOutput()
	if took := time.Since(began); err != nil || took > 20*time.Second {
		t.Fatalf("%s: got %v after %v, want status 0 within 20s: %s", x.name, err, took, out)
	}
	return string(out)
}

// A received request is one that a server got.
type received struct {
	target string
	header http.Header
	body   []byte
}

// A recorder keeps the requests that a server gets.
type recorder struct {
	mu       sync.Mutex
	requests []received
}

// add keeps a request. It returns false if the request's body ends early.
func (r *recorder) add(q *http.Request) bool {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, received{q.URL.RequestURI(), q.Header, body})
	return true
}

// to returns the requests for a path.
func (r *recorder) to(path string) (found []received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.requests {
		if q.target == path {
			found = append(found, q)
		}
	}
	return found
}

// direct returns the request that the SDK sends without a Transport, and the address that it was sent to, at which
// no server listens any more.
func (x *example) direct(t *testing.T) (request received, address string) {
	t.Helper()
	var r recorder
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.add(q)
		if q.URL.Path != x.stream {
			// Other requests, such as PostHog's for flags, fail as they do without a server.
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	address = s.Listener.Addr().String()
	x.run(t, "direct", address, "off")
	requests := r.to(x.stream)
	if len(requests) != 1 {
		t.Fatalf("%s without a Transport: got %d requests for %s, want 1", x.name, len(requests), x.stream)
	}
	return requests[0], address
}

// serve starts a collector with its data in dir.
func serve(t *testing.T, address, dir string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "beacon"), "serve", "--listen", address, "--data", dir, "--keep-header", "X-Sentry-Auth")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("beacon serve printed %q, then %v", line, err)
	}
}

// export returns the requests that a collector has.
func export(t *testing.T, address, dir string) (requests []received) {
	t.Helper()
	token := filepath.Join(dir, "operator-token")
	cmd := exec.Command(filepath.Join(bin, "beacon"), "export", "--server", "http://"+address, "--token-file", token)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("beacon export: %v", err)
	}
	for len(out) > 0 {
		record, n, err := warc.Parse(out)
		if err != nil {
			t.Fatalf("beacon export: %v", err)
		}
		q := received{record.Request.Target, http.Header{}, record.Request.Body}
		for _, f := range record.Request.Header {
			q.header.Add(f.Name, f.Value)
		}
		requests, out = append(requests, q), out[n:]
	}
	return requests
}

// awaitDelivery waits until n beacons of an outbox are delivered and none waits.
func awaitDelivery(t *testing.T, outbox string, n int64) {
	t.Helper()
	for deadline := time.Now().Add(50 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s, err := beacon.ReadStatus(outbox)
		if err == nil && s.Pending == 0 && s.Dead == 0 && s.Delivered == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got the status %+v, %v, want %d delivered", s, err, n)
		}
	}
}

// changed are the headers that differ between a direct request and a delivery.
var changed = map[string]string{
	"Accept-Encoding": "Go's client adds it, and the SDK does not set it",
	"Idempotency-Key": "the deliverer adds it",
	"Host":            "a record has it as a header",
	"Connection":      "it is the connection's",
	"Content-Length":  "the exporter of OTLP sends a compressed body in chunks, the deliverer with its length",
}

func TestExample_ServerIsDown_CollectorStartedLaterHasTheSameRequest(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			want, address := x.direct(t)
			dir := newDir(t)
			outbox, data := filepath.Join(dir, "outbox"), filepath.Join(dir, "data")

			output := x.run(t, "queued", address, outbox)
			if s, err := beacon.ReadStatus(outbox); err != nil || s.Accepted != 1 || s.Pending != 1 {
				t.Fatalf("after the program: got the status %+v, %v, want 1 pending: %s", s, err, output)
			}
			serve(t, address, data)
			awaitDelivery(t, outbox, 1)

			requests := export(t, address, data)
			if len(requests) != 1 || requests[0].target != x.stream {
				t.Fatalf("got %d requests, %q, want 1 for %s", len(requests), requests, x.stream)
			}
			got := requests[0]
			// The SDK sets no User-Agent if Go's client adds its own, and then neither does the Transport.
			if want.header.Get("User-Agent") == "Go-http-client/1.1" {
				want.header.Set("User-Agent", "beacon-go")
			}
			names := maps.Clone(got.header)
			maps.Copy(names, want.header)
			for name := range names {
				g, w := strings.Join(got.header[name], "|"), strings.Join(want.header[name], "|")
				if g != w && changed[name] == "" {
					t.Errorf("%s: got %q, want %q", name, g, w)
				}
			}
			if g, w := x.mask(t, got.body), x.mask(t, want.body); !bytes.Equal(g, w) {
				t.Errorf("got the body\n%q\nwant\n%q", g, w)
			}
			if x.name == "httpclient" && !strings.Contains(output, "202 Accepted") {
				t.Errorf("got the output %q, want 202 Accepted", output)
			}
		})
	}
}

// The server takes no event before the program has ended.
func TestPostHog_FlagsEndpointIsUp_FlagIsAnsweredWhileTheEventWaits(t *testing.T) {
	t.Parallel()
	var r recorder
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case !r.add(q):
		case q.URL.Path == "/flags/":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"flags":{"new-checkout":{"key":"new-checkout","enabled":true}},"requestId":"r1"}`)
		default:
			<-ended
		}
	}))
	defer s.Close()
	release := sync.OnceFunc(func() { close(ended) })
	defer release()
	outbox := filepath.Join(newDir(t), "outbox")

	output := postHog.run(t, "queued", s.Listener.Addr().String(), outbox)
	if !strings.Contains(output, "new-checkout: true <nil>\n") {
		t.Errorf("got the output %q, want the flag's value true", output)
	}
	if s, err := beacon.ReadStatus(outbox); err != nil || s.Accepted != 1 || s.Delivered != 0 {
		t.Errorf("after the program: got the status %+v, %v, want 1 accepted and 0 delivered", s, err)
	}
	release()
	awaitDelivery(t, outbox, 1)

	flags, events := r.to("/flags/?v=2"), r.to("/batch/")
	if len(flags) != 1 || flags[0].header.Get("Idempotency-Key") != "" {
		t.Errorf("got %q, want one request for flags, sent directly", flags)
	}
	value := []byte(`"new-checkout":true`)
	if len(events) != 1 || events[0].header.Get("Idempotency-Key") == "" || !bytes.Contains(events[0].body, value) {
		t.Errorf("got %q, want one request with the event, sent through the outbox", events)
	}
}
