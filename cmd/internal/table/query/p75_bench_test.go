//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// BenchmarkP75 asks for a percentile of a field of JSON, and of the same field in a column of its
// own, over BEACON_ROWS web vitals, by default ten million, which take 1 GB in the temporary
// directory and two minutes to write. count and first are the least that an answer takes.
func BenchmarkP75(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("BEACON_ROWS"))
	if err != nil {
		rows = 10_000_000
	}
	o := testOptions(b)
	view := vitalsTable(b, o.Dir, rows)
	p := newPool(b, func(n *Options) { n.Dir, n.Timeout = o.Dir, time.Minute })
	ask := func(b *testing.B, sql string) (answer float64) {
		rows, err := p.Query(b.Context(), Request{SQL: sql, View: view})
		if err != nil {
			b.Fatal(err)
		}
		defer rows.Close()
		if rows.Next() {
			fmt.Sscanf(string(rows.Row()), "[%g]", &answer)
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
		return answer
	}
	for _, c := range []struct {
		name, sql   string
		least, most float64
	}{
		{"json", "select quantile_cont((data->>'value')::double, 0.75) from beacons", 3700, 3800},
		{"column", "select quantile_cont(value, 0.75) from beacons", 3700, 3800},
		{"count", "select count(*) from beacons", float64(rows), float64(rows)},
		{"first", "select max(received_at) = max(received_at) and 1 = 1 from beacons where id is null", 0, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if got := ask(b, c.sql); got < c.least || got > c.most {
					b.Fatalf("%s: got %v, want %v to %v", c.sql, got, c.least, c.most)
				}
			}
			b.ReportMetric(float64(rows), "rows")
		})
	}
	b.Run("exec", func(b *testing.B) { // the start of a process, and its first answer
		for b.Loop() {
			p, err := New(func() Options { o := testOptions(b); o.Dir = p.o.Dir; return o }())
			if err != nil {
				b.Fatal(err)
			}
			rows, err := p.Query(b.Context(), Request{SQL: "select max(value) from beacons", View: view})
			if err != nil {
				b.Fatal(err)
			}
			rows.Close()
			p.Close()
		}
	})
}

// vitalsTable writes the table into dir and returns the SELECT of its view.
func vitalsTable(b *testing.B, dir string, n int) (view string) {
	t, err := table.Open(dir, table.Options{Columns: []table.Column{{Name: "value", Type: "double", Path: "$.value"}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	inbox, err := spool.OpenInbox(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if _, err := t.Load(vitals(n), spool.Cursor{}, int64(n)); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d rows were written in %v", n, time.Since(began))
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- t.Run(ctx, inbox) }()
	s, err := t.Flush(ctx, inbox, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		s.Release()
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		t.Close()
		inbox.Close()
	})
	return s.View()
}

// vitals are rows one in a tenth of a second. Their values are even over 0 to 5000.
func vitals(n int) iter.Seq2[row.Row, error] {
	return func(yield func(row.Row, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		start := time.Date(2026, 1, 21, 0, 0, 0, 0, time.UTC)
		for i := range n {
			at := start.Add(time.Duration(i) * 100 * time.Millisecond)
			var id uuid.UUID
			binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16|0x7000|random.Uint64()&0xfff)
			binary.BigEndian.PutUint64(id[8:], random.Uint64())
			data := fmt.Appendf(nil, `{"name":"%s","value":%.1f,"path":"/shop/%s","id":"v4-%d-%d"}`,
				[]string{"LCP", "INP", "CLS", "FCP", "TTFB"}[random.IntN(5)], float64(random.IntN(50000))/10,
				[]string{"cart", "item", "list", "checkout", "start"}[random.IntN(5)], at.UnixMilli(), random.Uint64()>>11)
			r := row.Row{ID: id, ReceivedAt: at, SentAt: at.Add(-30 * time.Millisecond), Stream: "/vitals", Origin: "https://www.example.com",
				Referrer:  "https://www.example.com/shop/cart",
				UserAgent: fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 120+random.IntN(20)),
				IP:        fmt.Sprintf("%d.%d.%d.0", 1+random.IntN(223), random.IntN(256), random.IntN(256)), ContentType: "text/plain;charset=UTF-8",
				Kind: row.JSON, Body: data, Data: data}
			if !yield(r, nil) {
				return
			}
		}
	}
}
