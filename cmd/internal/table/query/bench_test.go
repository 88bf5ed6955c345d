//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"fmt"
	"testing"
)

// BenchmarkQuery is the whole of a query, with the start of the next process.
func BenchmarkQuery(b *testing.B) {
	p := newPool(b)
	want(b, p, "select 1", "[1]")
	for b.Loop() {
		want(b, p, "select count(*) from beacons", "[1]")
	}
}

// BenchmarkRows is a row with six values, from the engine to the reader.
func BenchmarkRows(b *testing.B) {
	p := newPool(b)
	rows, err := p.Query(b.Context(), Request{View: smallView, SQL: fmt.Sprintf(`select range, range / 7, 'text ' || range,
		timestamptz '2026-11-22' + range * interval '1 second', '{"a": ' || range || '}', true from range(%d)`, b.N)})
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	b.ResetTimer()
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != b.N {
		b.Fatalf("%d rows of %d: %v", n, b.N, rows.Err())
	}
}
