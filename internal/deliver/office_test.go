package deliver

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An office is an outbox on disk, a deliverer, and servers that answer as the test says,
// all in the bubble's time.
type office struct {
	t   *testing.T
	box *spool.Outbox
	d   Deliverer

	mu       sync.Mutex
	attempts []attempt
	hole     string                                               // a URL whose server never answers
	answer   func(n int, q fetch.Request) (fetch.Response, error) // n counts the attempts from 1
}

type attempt struct {
	at   time.Duration
	url  string
	body string
}

func newOffice(t *testing.T) *office {
	box, err := spool.OpenOutbox(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	o := &office{t: t, box: box}
	began := time.Now()
	o.d = Deliverer{Log: slog.New(slog.DiscardHandler), Idle: time.Second, Patience: time.Hour}
	o.d.Fetch = func(ctx context.Context, q fetch.Request) (fetch.Response, error) {
		o.mu.Lock()
		o.attempts = append(o.attempts, attempt{time.Since(began), q.URL, string(q.Body)})
		n := len(o.attempts)
		o.mu.Unlock()
		if q.URL == o.hole {
			<-ctx.Done()
			return fetch.Response{}, ctx.Err()
		}
		return o.answer(n, q)
	}
	return o
}

func (o *office) send(url, body string, extra ...warc.Field) {
	r := warc.Record{
		ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: url, Extra: extra,
		Request: warc.Request{Method: "POST", Target: "/", Proto: "HTTP/1.1", Body: []byte(body)},
	}
	b, err := r.Append(nil)
	if err == nil {
		err = o.box.Append(b, 16<<20, false)
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) run(ctx context.Context) (left bool) {
	o.t.Helper()
	lock, err := o.box.TryLock()
	if err != nil || lock == nil {
		o.t.Fatalf("lock: %v", err)
	}
	if o.d.Claim, err = o.box.Claim(lock); err != nil {
		o.t.Fatal(err)
	}
	left, err = o.d.Run(ctx)
	if err != nil {
		o.t.Error(err)
	}
	if err := o.d.Claim.Release(); err != nil {
		o.t.Error(err)
	}
	return left
}

// segment is the file of its first beacons.
func (o *office) segment() string {
	segments, _ := filepath.Glob(filepath.Join(o.box.Dir(), "*.warc"))
	return segments[0]
}

func (o *office) outcomes() spool.Status {
	o.t.Helper()
	s, err := spool.ReadStatus(o.box.Dir())
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func status(code int) func(int, fetch.Request) (fetch.Response, error) {
	return func(int, fetch.Request) (fetch.Response, error) { return fetch.Response{Status: code}, nil }
}
