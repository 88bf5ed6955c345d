package deliver

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http/httptrace"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A harness has an outbox on disk, a deliverer, and servers that answer as the test says, in the time of
// a synctest bubble.
type harness struct {
	t     testing.TB
	box   *spool.Outbox
	d     Deliverer
	began time.Time

	mu       sync.Mutex
	requests []received
	answer   func(ctx context.Context, q fetch.Request) (fetch.Response, error)
}

// A received is a request that came to a server.
type received struct {
	at   time.Duration
	url  string
	body string
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	// A bubble begins in 2000, and the deliverer takes a time before 2020 for that of a clock that is not set.
	time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, box: box, began: time.Now()}
	t.Cleanup(func() { h.box.Close() })
	h.d = Deliverer{Log: slog.New(slog.DiscardHandler), Idle: time.Second, Patience: time.Hour, random: rand.New(rand.NewPCG(1, 2))}
	h.d.Fetch = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		h.mu.Lock()
		h.requests = append(h.requests, received{time.Since(h.began), q.URL, string(q.Body)})
		h.mu.Unlock()
		return h.answer(ctx, q)
	}
	return h
}

func (h *harness) send(url, body string, extra ...warc.Field) { post(h.t, h.box, url, body, extra...) }

// post appends a beacon to an outbox.
func post(t testing.TB, box *spool.Outbox, url, body string, extra ...warc.Field) warc.Record {
	t.Helper()
	r := warc.Record{
		ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: url, Extra: extra,
		Request: warc.Request{Method: "POST", Target: "/", Proto: "HTTP/1.1", Body: []byte(body)},
	}
	b, err := r.Append(nil)
	if err == nil {
		err = box.Append(b, 1<<30, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h *harness) run(ctx context.Context) (left bool) {
	h.t.Helper()
	lock, err := h.box.TryLock()
	if err != nil || lock == nil {
		h.t.Fatalf("lock: %v", err)
	}
	if h.d.Claim, err = h.box.Claim(lock); err != nil {
		h.t.Fatal(err)
	}
	left, err = h.d.Run(ctx)
	if err != nil {
		h.t.Error(err)
	}
	if err := h.d.Claim.Release(); err != nil {
		h.t.Error(err)
	}
	return left
}

// runFor runs for so long, and returns whether beacons are left.
func (h *harness) runFor(d time.Duration) (left bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return h.run(ctx)
}

// number returns how many requests came until now.
func (h *harness) number() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

// received returns the requests that came for a URL.
func (h *harness) received(url string) (all []received) {
	for _, r := range h.requests {
		if r.url == url {
			all = append(all, r)
		}
	}
	return all
}

// segment returns the file of the first beacons.
func (h *harness) segment() string {
	segments, _ := filepath.Glob(filepath.Join(h.box.Dir(), "*.warc"))
	return segments[0]
}

func (h *harness) status() spool.Status {
	h.t.Helper()
	s, err := spool.ReadStatus(h.box.Dir())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// An answer is how a server behaves to one request.
type answer = func(ctx context.Context, q fetch.Request) (fetch.Response, error)

func status(code int) answer {
	return func(ctx context.Context, _ fetch.Request) (fetch.Response, error) {
		wrote(ctx)
		return fetch.Response{Status: code}, nil
	}
}

// wrote reports to the deliverer that the request was written.
func wrote(ctx context.Context) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

// hang takes the request and never answers.
func hang(ctx context.Context, _ fetch.Request) (fetch.Response, error) {
	wrote(ctx)
	<-ctx.Done()
	return fetch.Response{}, ctx.Err()
}

// after answers later.
func after(d time.Duration, a answer) answer {
	return func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		select {
		case <-time.After(d):
			return a(ctx, q)
		case <-ctx.Done():
			return fetch.Response{}, ctx.Err()
		}
	}
}

func expiresIn(d time.Duration) warc.Field {
	return warc.Field{Name: ExpiresField, Value: time.Now().Add(d).UTC().Format(time.RFC3339)}
}
