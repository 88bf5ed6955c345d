package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
