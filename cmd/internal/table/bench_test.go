package table

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// webVital is a web vital as a browser's page sends it, with a body of about 300 bytes.
func webVital(n int) warc.Record {
	random := rand.New(rand.NewPCG(uint64(n), 0))
	r := textRecord(n, "text/plain;charset=UTF-8", fmt.Sprintf(`{"name":"LCP","value":%.1f,"delta":%.2f,"rating":"good","navigationType":"navigate","path":"/shop/cart/%d","id":"v4-%d-%d","attribution":{"element":"main>section.hero>img","url":"https://cdn.example.com/img/hero-%d.avif","timeToFirstByte":%.1f,"resourceLoadDelay":%.1f,"elementRenderDelay":%.1f}}`,
		random.Float64()*5000, random.Float64()*100, random.IntN(1000), 1769000000000+n, random.Int64N(1e13), random.IntN(1000), random.Float64()*700, random.Float64()*99, random.Float64()*50))
	binary.BigEndian.PutUint64(r.ID[8:], random.Uint64()|1<<63)
	r.IP = fmt.Sprintf("203.%d.%d.0", random.IntN(256), random.IntN(256))
	for _, f := range [][2]string{
		{"Host", "beacons.example.com"}, {"Content-Length", "312"}, {"Sec-Ch-Ua-Platform", `"Windows"`},
		{"User-Agent", fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 120+random.IntN(23))},
		{"Sec-Ch-Ua", `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`}, {"Sec-Ch-Ua-Mobile", "?0"}, {"Accept", "*/*"},
		{"Origin", "https://www.example.com"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Mode", "no-cors"}, {"Sec-Fetch-Dest", "empty"},
		{"Referer", fmt.Sprintf("https://www.example.com/shop/cart/%d", random.IntN(1000))}, {"Accept-Encoding", "gzip, deflate, br, zstd"}, {"Accept-Language", "en-US,en;q=0.9"},
	} {
		r.Request.Header = append(r.Request.Header, warc.Field{Name: f[0], Value: f[1]})
	}
	return r
}

// BenchmarkWriter is the time from an inbox of web vitals to synced files, a row.
func BenchmarkWriter(b *testing.B) {
	columns := []Column{{"value", "double", "$.value", ""}, {"element", "varchar", "$.attribution.element", ""}}
	for _, c := range []struct {
		name    string
		options Options
		record  func(int) warc.Record
	}{
		{"plain", Options{}, webVital},
		{"columns", Options{Columns: columns}, webVital},
		{"keyed", Options{}, func(n int) warc.Record { return keyed(webVital(n)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := newHarness(b, c.options)
			for n := 0; n < b.N; {
				var group []warc.Record
				for ; len(group) < 1000 && n < b.N; n++ {
					group = append(group, c.record(n))
				}
				h.put(group...)
			}
			b.ReportAllocs()
			peak := watchHeap()
			b.ResetTimer()
			h.drain()
			b.StopTimer()
			heap, bytes := peak(), h.table.Status().Bytes
			b.ReportMetric(float64(heap>>20), "MiB-live")
			b.ReportMetric(float64(bytes)/float64(b.N), "B-file/op")
			if got := h.table.Status().Rows; got != int64(b.N) {
				b.Fatalf("rows: got %d, want %d", got, b.N)
			}
		})
	}
}

// BenchmarkCompact is the time to merge files of 8,192 web vitals each, a row, and to copy row groups
// that are large already.
func BenchmarkCompact(b *testing.B) {
	h := newHarness(b, Options{})
	const rows, files = 8 << 10, 64
	for n := 0; n < rows*files; {
		var group []warc.Record
		for range 1024 {
			group = append(group, webVital(n))
			n++
		}
		if h.put(group...); n%rows == 0 {
			h.drain()
		}
	}
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		before := h.table.manifest
		peak := watchHeap()
		b.StartTimer()
		merges := 0
		for ; ; merges++ {
			n, _, err := h.table.compactOnce(context.Background(), base)
			if err != nil {
				b.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(peak()>>20), "MiB-live")
		b.ReportMetric(float64(merges), "merges")
		h.table.manifest = before // the files are there still
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/files, "ns/row")
}

// watchHeap begins to look at what the garbage collector leaves of the heap, and returns a function that ends that and returns the most
// bytes it saw.
func watchHeap() func() uint64 {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		most, tick := uint64(0), time.NewTicker(10*time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-ctx.Done():
				result <- most
				return
			}
		}
	}()
	return func() uint64 {
		cancel()
		return <-result
	}
}
