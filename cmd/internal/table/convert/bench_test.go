//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkRun converts 200,000 rows of 30 days.
func BenchmarkRun(b *testing.B) {
	const rows = 200_000
	data := newData(b, schema, usualRows(rows, 30))
	old := keepOld(b, data)
	for b.Loop() {
		b.StopTimer()
		data := b.TempDir()
		if err := os.Link(old, filepath.Join(data, fileName)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := convertOnce(context.Background(), data, slog.New(slog.DiscardHandler), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
