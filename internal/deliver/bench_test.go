package deliver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// BenchmarkDeliverAgainstClient delivers beacons of 512 bytes from an outbox to a server that discards them,
// and posts as many with a bare net/http client on as many connections, by turns.
func BenchmarkDeliverAgainstClient(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // for both, as in a detached deliverer
	var taken atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	body := []byte(`{"x":"` + strings.Repeat("x", 504) + `"}`)

	const rounds = 4
	n := max(b.N/rounds, 1)
	var delivering, posting time.Duration
	for range rounds {
		box, err := spool.OpenOutbox(filepath.Join(b.TempDir(), "outbox")) // each is another
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			r := warc.Record{ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: s.URL + "/x", Extra: warc.Fields{{Name: FormatField, Value: Format}, expiresIn(time.Hour), {Name: ProxyField, Value: "none"}}, Request: warc.Request{
				Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: body, Header: warc.Fields{{Name: "Content-Type", Value: "application/json"}},
			}}
			record, err := r.Append(nil)
			if err == nil {
				err = box.Append(record, 1<<40, false)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		taken.Store(0)
		began := time.Now()
		lock, err := box.TryLock()
		if err != nil || lock == nil {
			b.Fatal(err)
		}
		if left, err := Drain(b.Context(), box, lock, Deliverer{Fetch: NewClient().Do, Idle: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}); left || err != nil || taken.Load() != int64(n) {
			b.Fatal(left, err, taken.Load())
		}
		delivering += time.Since(began)
		box.Close()

		began = time.Now()
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
		var left atomic.Int64
		left.Store(int64(n))
		var all sync.WaitGroup
		for range connections {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					res, err := client.Post(s.URL+"/x", "application/json", bytes.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					res.Body.Close()
				}
			})
		}
		all.Wait()
		posting += time.Since(began)
	}
	rate := func(d time.Duration) float64 { return float64(rounds*n) / d.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(delivering), "delivered/s")
	b.ReportMetric(rate(posting), "posted/s")
	b.ReportMetric(rate(delivering)/rate(posting), "delivered/posted")
}

// BenchmarkMillionPending fills an outbox with a million beacons of 1,000 URLs whose server is down, and
// measures a deliverer from its start: until the first attempt, until all are found, and the heap that it
// needs then.
func BenchmarkMillionPending(b *testing.B) {
	const pending = 1_000_000
	box, err := spool.OpenOutbox(filepath.Join(b.TempDir(), "outbox"))
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"x":"` + strings.Repeat("x", 500) + `"}`)
	var record []byte
	for i := range pending {
		r := warc.Record{ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: fmt.Sprintf("http://down.example/%d", i%1000), Request: warc.Request{
			Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: body, Header: warc.Fields{{Name: "Content-Type", Value: "application/json"}},
		}}
		if record, err = r.Append(record[:0]); err == nil {
			err = box.Append(record, 1<<40, false)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	box.Close()
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	for b.Loop() {
		lock, err := box.TryLock()
		if err != nil || lock == nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		began, first := time.Now(), time.Duration(0)
		d := Deliverer{Log: slog.New(slog.DiscardHandler), Fetch: func(context.Context, fetch.Request) (fetch.Response, error) {
			if first == 0 {
				first = time.Since(began)
			}
			return fetch.Response{}, errRefused
		}}
		if d.Claim, err = box.Claim(lock); err != nil {
			b.Fatal(err)
		}
		found := make(chan time.Duration, 1)
		d.onScan = func(waiting int) {
			if waiting == pending {
				found <- time.Since(began)
				b.ReportMetric((heap()-before)/(1<<20), "MiB")
				cancel()
			}
		}
		if _, err := d.Run(ctx); err != nil {
			b.Fatal(err)
		}
		cancel()
		d.Claim.Release()
		b.ReportMetric(first.Seconds(), "s-to-first")
		b.ReportMetric((<-found).Seconds(), "s-to-all")
	}
	b.ReportMetric(0, "ns/op")
}
