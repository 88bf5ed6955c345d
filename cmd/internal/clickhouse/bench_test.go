package clickhouse

import (
	"testing"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
)

// BenchmarkBatch_Add decodes a page view of 300 bytes and makes its row, with the columns of the browser script.
func BenchmarkBatch_Add(b *testing.B) {
	var columns []table.Column
	for _, text := range script.Columns {
		c, err := table.ParseColumn(text, table.OwnColumns())
		if err != nil {
			b.Fatal(err)
		}
		columns = append(columns, c)
	}
	s, err := newSchema(columns)
	if err != nil {
		b.Fatal(err)
	}
	value := encode(b, beacon{stream: "/visits", body: `{"name":"view","view":"0197f5a2c3d4","n":1,"weight":1,"path":"/products/42","title":"A product","source":"https://search.example/","screen":"1920x1080","language":"en-GB"}`})
	b.SetBytes(int64(len(value)))
	to := &batch{}
	for n := 0; b.Loop(); n++ {
		if len(to.rows) > batchBytes {
			*to = batch{rows: to.rows[:0], raw: to.raw[:0], records: to.records[:0]}
		}
		to.add(s, &kafka.Record{Value: value, Offset: int64(n)}, nil)
	}
}
