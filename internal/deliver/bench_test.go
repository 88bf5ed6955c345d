package deliver

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// BenchmarkDeliverAgainstClient delivers beacons of 512 bytes from an outbox to a server
// that discards them, and posts as many with a bare net/http client from as many
// goroutines, in turn.
func BenchmarkDeliverAgainstClient(b *testing.B) {
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
			r := warc.Record{ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: s.URL + "/x", Extra: warc.Fields{{Name: ProxyField, Value: "none"}}, Request: warc.Request{
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
		if left, err := Drain(b.Context(), box, lock, Deliverer{Fetch: NewClient(nil).Do, Idle: time.Nanosecond, Log: slog.New(slog.DiscardHandler)}); left || err != nil || taken.Load() != int64(n) {
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
