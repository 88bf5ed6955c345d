package beacon_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// A recorder is a server that keeps the requests it gets, and answers 200 with the header X-Live.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := new(recorder)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests, r.bodies = append(r.requests, q), append(r.bodies, string(body))
		w.Header().Set("X-Live", "yes")
	}))
	t.Cleanup(r.Close)
	return r
}

// last waits until n requests have come, and returns the newest.
func (r *recorder) last(t *testing.T, n int) (q *http.Request, body string) {
	t.Helper()
	proctest.Eventually(t, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.requests) < n {
			return fmt.Errorf("%d of %d requests", len(r.requests), n)
		}
		q, body = r.requests[n-1], r.bodies[n-1]
		return nil
	})
	return q, body
}

func TestTransport_Post_IsQueuedAsItIs(t *testing.T) {
	s := newRecorder(t)
	client := http.Client{Transport: &beacon.Transport{Sender: open(t, beacon.Config{Header: http.Header{"X-Config": {"c"}}})}}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("a batch"))
	z.Close()
	body := zipped.String()
	r, err := http.NewRequest("POST", s.URL+"/v1/traces?a=%20b", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Content-Type": {"multipart/form-data; boundary=AbC"}, "Content-Encoding": {"gzip"}, "Idempotency-Key": {"own key"},
		"User-Agent": {"sdk/1"}, "X-Auth": {"one", "two"},
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusAccepted || res.Header.Get("Beacon-Id") == "" || len(answer) > 0 || res.Request == nil {
		t.Errorf("got %v with %q", res, answer)
	}
	q, got := s.last(t, 1)
	if got != body || q.RequestURI != "/v1/traces?a=%20b" || q.Method != "POST" {
		t.Errorf("got %s %s with %q", q.Method, q.RequestURI, got)
	}
	for name, want := range map[string]string{
		"Content-Type": "multipart/form-data; boundary=AbC", "Content-Encoding": "gzip", "Idempotency-Key": "own key",
		"User-Agent": "sdk/1", "X-Auth": "one,two", "X-Config": "c",
	} {
		if got := strings.Join(q.Header.Values(name), ","); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// These requests go to Base, with the same bytes, and their caller has the server's answer.
func TestTransport_RequestThatCantWait_GoesToBase(t *testing.T) {
	large := strings.Repeat("x", 1<<20+1)
	full := open(t, beacon.Config{Capacity: 1})
	closed := open(t, beacon.Config{})
	closed.Close()
	for name, x := range map[string]struct {
		transport beacon.Transport
		method    string
		body      string
		change    func(*http.Request)
	}{
		"GET":             {method: "GET"},
		"PUT":             {method: "PUT", body: "x"},
		"Host":            {method: "POST", body: "x", change: func(r *http.Request) { r.Host = "other.example" }},
		"Expect":          {method: "POST", body: "x", change: func(r *http.Request) { r.Header.Set("Expect", "100-continue") }},
		"Trailer":         {method: "POST", body: "x", change: func(r *http.Request) { r.Trailer = http.Header{"X": nil}; r.ContentLength = -1 }},
		"large":           {method: "POST", body: large},
		"large, chunked":  {method: "POST", body: large, change: func(r *http.Request) { r.ContentLength = -1 }},
		"declined":        {method: "POST", body: "flags", transport: beacon.Transport{Queue: func(r *http.Request) bool { return false }}},
		"full":            {method: "POST", body: "x", transport: beacon.Transport{Sender: full}},
		"closed":          {method: "POST", body: "x", transport: beacon.Transport{Sender: closed}},
		"full, no length": {method: "POST", body: "x", transport: beacon.Transport{Sender: full}, change: func(r *http.Request) { r.ContentLength = -1 }},
		"an odd header":   {method: "POST", body: "x", change: func(r *http.Request) { r.Header.Set("Te", "trailers") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRecorder(t)
			if x.transport.Sender == nil {
				x.transport.Sender = open(t, beacon.Config{})
			}
			var body io.Reader
			if x.body != "" {
				body = strings.NewReader(x.body)
			}
			r, err := http.NewRequest(x.method, s.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			if x.change != nil {
				x.change(r)
			}
			res, err := (&http.Client{Transport: &x.transport}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if _, got := s.last(t, 1); got != x.body || res.Header.Get("X-Live") != "yes" {
				t.Errorf("got %d bytes, want %d; answered %v", len(got), len(x.body), res.Header)
			}
		})
	}
}

func TestTransport_SendingIsOff_AnswersAccepted(t *testing.T) {
	s := newRecorder(t)
	dir := proctest.OutboxDir(t)
	post := func(c beacon.Config) *http.Response {
		t.Helper()
		c.Dir = dir
		res, err := (&http.Client{Transport: &beacon.Transport{Sender: open(t, c)}}).Post(s.URL, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	t.Setenv("DO_NOT_TRACK", "1")
	for _, c := range []beacon.Config{{Disabled: true}, {HonorDoNotTrack: true}} {
		if res := post(c); res.StatusCode != http.StatusAccepted || res.Header.Get("Beacon-Id") != "" {
			t.Errorf("%+v: got %v", c, res)
		}
	}
	client := http.Client{Transport: &beacon.Transport{Sender: open(t, beacon.Config{Dir: dir, Disabled: true})}}
	for _, length := range []int64{-1, 2 << 20} {
		r, err := http.NewRequest("POST", s.URL, strings.NewReader(strings.Repeat("x", 2<<20)))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		if res, err := client.Do(r); err != nil || res.StatusCode != http.StatusAccepted {
			t.Errorf("a large body: got %v, %v", res, err)
		}
	}
	t.Setenv("BEACON_OUTBOX", "log")
	client = http.Client{Transport: &beacon.Transport{Sender: open(t, beacon.Config{Dir: dir})}}
	for name, change := range map[string]func(*http.Request){
		"a beacon": func(r *http.Request) {},
		"a large body": func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 2<<20))), -1
		},
		"Expect":       func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"another Host": func(r *http.Request) { r.Host = "x" },
	} {
		r, err := http.NewRequest("POST", s.URL, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		if res, err := client.Do(r); err != nil || res.StatusCode != http.StatusAccepted {
			t.Errorf("printed, %s: got %v, %v", name, res, err)
		}
	}
	if _, err := os.Stat(dir); err == nil || len(s.requests) > 0 {
		t.Errorf("an outbox was made, or %d requests left", len(s.requests))
	}
}

type failingBody struct{ closed bool }

func (*failingBody) Read([]byte) (int, error) { return 0, errors.New("the source failed") }
func (b *failingBody) Close() error           { b.closed = true; return nil }

func TestTransport_BodyFails_ReturnsItsError(t *testing.T) {
	body := new(failingBody)
	transport := &beacon.Transport{Sender: open(t, beacon.Config{})}
	r, err := http.NewRequest("POST", "http://127.0.0.1:1/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transport.RoundTrip(r); err == nil || !strings.Contains(err.Error(), "the source failed") || !body.closed {
		t.Errorf("got %v, closed: %v", err, body.closed)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	stalled, _ := io.Pipe()
	r.Body = stalled
	if _, err := transport.RoundTrip(r.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a body that stalls: got %v", err)
	}
	body = new(failingBody)
	r.Body = body
	if _, err := transport.RoundTrip(r.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) || !body.closed {
		t.Errorf("a cancelled request: got %v, closed: %v", err, body.closed)
	}
}

func TestSendRequest_AnyMethod_IsSentAsItIs(t *testing.T) {
	s := newRecorder(t)
	n := open(t, beacon.Config{MaxBody: 10})
	for i, x := range []struct{ method, body string }{{"PUT", "x"}, {"GET", ""}, {"DELETE", ""}, {"PATCH", "0123456789"}} {
		r, err := http.NewRequest(x.method, s.URL+"/"+x.method, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := n.SendRequest(r); err != nil {
			t.Fatal(err)
		}
		if q, got := s.last(t, i+1); q.Method != x.method || q.URL.Path != "/"+x.method || got != x.body {
			t.Errorf("got %s %s with %q, want %+v", q.Method, q.URL, got, x)
		}
	}
	r, err := http.NewRequest("POST", s.URL, strings.NewReader("01234567890"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SendRequest(r); !errors.Is(err, beacon.ErrTooLarge) {
		t.Errorf("a body of 11 bytes: got %v, want ErrTooLarge", err)
	}
	for name, change := range map[string]func(*http.Request){
		"no URL":       func(r *http.Request) { r.URL.Host = "" },
		"ftp":          func(r *http.Request) { r.URL.Scheme = "ftp" },
		"another Host": func(r *http.Request) { r.Host = "x" },
		"Upgrade":      func(r *http.Request) { r.Header.Set("Upgrade", "x") },
		"line end":     func(r *http.Request) { r.Header["X"] = []string{"a\nb"} },
		"CONNECT":      func(r *http.Request) { r.Method = "CONNECT" },
		"a short body": func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("abc")), 10 },
		"a long body":  func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("abc")), 2 },
	} {
		r, err := http.NewRequest("POST", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		if typeError := (*beacon.TypeError)(nil); !errors.As(n.SendRequest(r), &typeError) {
			t.Errorf("%s: got %v, want a TypeError", name, n.SendRequest(r))
		}
	}
}

// An SDK that gets a Transport works while its server is down.
func TestTransport_ServerIsDown_RequestArrivesLater(t *testing.T) {
	s := newRecorder(t)
	address := s.Listener.Addr().String()
	s.Close()
	n := open(t, beacon.Config{})
	began := time.Now()
	res, err := (&http.Client{Transport: &beacon.Transport{Sender: n}}).Post("http://"+address+"/x", "text/plain", strings.NewReader("x"))
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("after %v: %v, %v", time.Since(began), res, err)
	}
	listener := listen(t, address)
	d := newDesk(t, listener, nil)
	d.wait(t, 1)
}
