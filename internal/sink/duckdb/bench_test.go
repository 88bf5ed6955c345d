//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// count is the environment variable's number, or the default.
func count(b *testing.B, variable string, otherwise int) int {
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkP75OverTenMillion asks for a percentile of a field of JSON, and of the same field
// in a column of its own, which is filled first. The engine makes the rows, of which each is
// a web vital as a page sends it: BEACON_ROWS of them, by default ten million, which take a
// minute and 1.2 GB in the temporary directory.
func BenchmarkP75OverTenMillion(b *testing.B) {
	rows := count(b, "BEACON_ROWS", 10_000_000)
	db, err := Open(filepath.Join(b.TempDir(), "beacons.duckdb"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	conn, err := db.conn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.ExecContext(b.Context(), vitals); err != nil {
		b.Fatal(err)
	}
	const step = 100_000 // as many as a memory of 64 MiB holds
	for n := 0; n < rows; n += step {
		_, err := conn.ExecContext(b.Context(), fmt.Sprintf("insert into beacons from vitals(%d, %d)", n, min(n+step, rows)))
		if err != nil {
			b.Fatal(err)
		}
	}
	discard(conn)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	db, err = Open(db.path, Column{"value", "double", "$.value"})
	if err == nil {
		err = db.FillColumns(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	b.Logf("the column was filled in %v", time.Since(began))
	for _, c := range []struct{ name, query string }{
		{"exact_json", "select quantile_cont((data->>'value')::double, 0.75) from beacons"},
		{"exact_column", "select quantile_cont(value, 0.75) from beacons"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := db.Query(b.Context(), c.query)
				if err != nil {
					b.Fatal(err)
				}
				if !rows.Next() {
					b.Fatal(rows.Err())
				}
				v, err := rows.Scan()
				if err != nil {
					b.Fatal(err)
				}
				if p, ok := v[0].(float64); !ok || p < 3700 || p > 3800 {
					b.Fatalf("the percentile is %v", v[0])
				}
				rows.Close()
			}
			b.ReportMetric(float64(rows), "rows")
		})
	}
}

// vitals(n, m) are rows number n to m-1, one in a tenth of a second; their values are even
// over 0 to 5000.
const vitals = `
create temp macro vital(i) as printf('{"name":"%s","value":%.1f,"path":"/shop/%s","id":"v4-%d-%d"}',
	['LCP', 'INP', 'CLS', 'FCP', 'TTFB'][1 + (hash(i) % 5)::int], (hash(i + 1) % 50000)::int / 10.0,
	['cart', 'item', 'list', 'checkout', 'start'][1 + (hash(i + 2) % 5)::int], 1769000000000 + i * 100, hash(i + 3) % 9007199254740991);
create temp macro vitals(n, m) as table select
	(printf('%012x7%03x8%015x', 1769000000000 + i * 100, hash(i) % 4096, hash(i + 7) % 1152921504606846976))::uuid,
	make_timestamptz(1769000000000000 + i * 100000), make_timestamptz(1769000000000000 + i * 100000 - 30000),
	'/vitals', null, 'https://www.example.com', 'https://www.example.com/shop/cart',
	printf('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36', 120 + hash(i) % 20),
	printf('%d.%d.%d.0', 1 + hash(i + 9) % 223, hash(i + 10) % 256, hash(i + 11) % 256),
	'text/plain;charset=UTF-8', 'json', vital(i)::blob, vital(i)::json, null, false
	from range(n, m) as t(i)`

// BenchmarkDrain is the rate at which an inbox of web vitals becomes rows, with nothing else
// to do.
func BenchmarkDrain(b *testing.B) {
	c := newBench(b)
	for n := 0; n < b.N; {
		var group []warc.Record
		for range 1000 {
			group = append(group, vital(n))
			n++
		}
		c.put(group...)
	}
	b.ResetTimer()
	c.drain()
	end, err := c.in.End()
	if err == nil {
		err = c.db.CaughtUp(b.Context(), end)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func vital(n int) warc.Record {
	r := record(n, "text/plain;charset=UTF-8", fmt.Sprintf(`{"name":"LCP","value":%d.5,"path":"/shop/cart","id":"v4-1769000000000-%d"}`, n%5000, n))
	r.Date = r.Date.Add(time.Duration(n) * time.Millisecond)
	r.IP = "203.0.113.0"
	r.Request.Header = append(r.Request.Header,
		warc.Field{Name: "Origin", Value: "https://www.example.com"}, warc.Field{Name: "Referer", Value: "https://www.example.com/shop/cart"},
		warc.Field{Name: "User-Agent", Value: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"})
	return r
}
