package beacontest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A failingTest is one that is to fail: its Fatalf ends the goroutine, as a test's does.
type failingTest struct {
	testing.TB
	message string
}

func (f *failingTest) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// run returns what the test is told that does this.
func (f *failingTest) run(do func()) string {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do()
	}()
	<-ended
	return f.message
}

func over() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the test's time is over"))
	return ctx
}

func TestWhoWaitsInVainIsToldWhatCame(t *testing.T) {
	f := &failingTest{TB: t}
	c := New(f)
	if got, want := f.run(func() { c.WaitFor(over(), 1) }), "beacontest: 0 of 1 beacons are kept: the test's time is over\nnothing came to "+c.URL; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	c.AnswerAll(OnStream("/audit"), Status(403))
	c.Answer(OnStream("/gone"), Drop())
	c.Answer(OnStream("/gnoe"), Drop())
	for _, q := range []struct{ method, path, body, header string }{
		{"POST", "/sales?shop=1", `{"what":"tea"}`, "Content-Type: application/json; Idempotency-Key: \"order 17\""},
		{"POST", "/audit", strings.Repeat("x", 81), "Content-Type: text/plain"},
		{"POST", "/gone", "\x00", ""},
		{"OPTIONS", "/visits", "", "Origin: https://shop.example; Access-Control-Request-Method: POST"},
		{"POST", "/broken", `{"what":`, "Content-Type: application/json"},
		{"PUT", "/sales", "", ""},
	} {
		req, _ := http.NewRequest(q.method, c.URL+q.path, strings.NewReader(q.body))
		for field := range strings.SplitSeq(q.header, "; ") {
			name, value, _ := strings.Cut(field, ": ")
			if name != "" {
				req.Header.Set(name, value)
			}
		}
		if res, err := c.Client().Do(req); err == nil {
			res.Body.Close()
		}
	}
	want := `beacontest: 2 of 3 beacons are kept: the test's time is over
what came to ` + c.URL + `:
  1. POST /sales?shop=1, key order 17, application/json, ` + "`" + `{"what":"tea"}` + "`" + `: 204, kept
  2. POST /audit, text/plain, ` + "`" + strings.Repeat("x", 80) + "`" + `… of 81 bytes: 403
  3. POST /gone, "\x00": no answer (the body has no type and is not text, so it is not decoded)
  4. OPTIONS /visits (preflight of a page of https://shop.example): 204
  5. POST /broken, application/json, ` + "`" + `{"what":` + "`" + `: 204, kept (the JSON is broken near byte 8: unexpected end of JSON input)
  6. PUT /sales: 405 (A beacon is a POST to this path.)
of the Answers, 1 had no request that they are for`
	if got := f.run(func() { c.WaitFor(over(), 3) }); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWaitHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failingTest{TB: t}
		c := newCollector(f) // not started: the network has no place in a bubble
		defer c.server.Listener.Close()
		began := time.Now()
		for _, wait := range []func(){func() { c.Wait(1) }, func() { c.WaitRequests(1) }} {
			if got := f.run(wait); !strings.Contains(got, "0 of 1") || !strings.Contains(got, "waited for 10s") {
				t.Error(got)
			}
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("the two waited for %v", took)
		}
	})
}

// With HTTP/2 a connection can end before its handlers.
func TestCloseWaitsForHandlers(t *testing.T) {
	const n = 50
	c := NewTLS(t)
	body, more := io.Pipe()
	defer more.Close()
	for range n {
		go c.Client().Post(c.URL, "", body)
	}
	if err := c.await(t.Context(), func() bool { return c.serving == n }); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serving != 0 {
		t.Errorf("%d are being served", c.serving)
	}
}
