package clickhouse

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The bounds of a batch: see the package's comment.
const (
	batchOffsets = 32_768
	batchBytes   = 8 << 20
	batchRows    = 65_536
)

// A batch is the records of a partition from an offset to another, or one erasure.
type batch struct {
	topicID   string
	partition int32
	first     int64 // the offset of its first record
	next      int64 // behind its last
	until     int64 // its end, as it was recorded before a crash; or 0
	records   []record
	rows      []byte // RowBinary
	raw       []byte // the WARC records
	count     int    // of rows
	erase     []uuid.UUID

	opened time.Time // when its first record was read
	made   time.Time // the time of its first record
	closed bool
}

// A record is a record of a batch, with its places in rows and raw.
type record struct {
	offset           int64
	rows, rowsEnd    int
	raw, rawEnd      int
	count            int       // of rows
	id               uuid.UUID // of the first row
	at               int64     // and its received_at, in microseconds
	keyed            bool      // it has an Idempotency-Key, so that it may be a repetition
	undecoded        string    // why it has no rows
	repeatedElsewhen bool      // its id is in the table on another day
}

// recordBytes is what a record takes besides its rows and bytes.
const recordBytes = 128

// size returns the bytes that the batch takes, besides the unused capacity of its slices.
func (b *batch) size() int64 {
	return int64(len(b.rows) + len(b.raw) + recordBytes*len(b.records) + 16*len(b.erase))
}

// takes reports whether a record can be a part of the batch.
func (b *batch) takes(topicID string, offset int64) bool {
	return !b.closed && b.topicID == topicID && offset >= b.next && offset/batchOffsets == b.first/batchOffsets && (b.until == 0 || offset < b.until)
}

// full reports whether the batch ends here.
func (b *batch) full() bool {
	switch {
	case b.until > 0:
		return b.next >= b.until
	case len(b.rows)+len(b.raw) >= batchBytes, b.count >= batchRows:
		return true
	}
	return b.next%batchOffsets == 0
}

// add decodes a record of the topic. check may change the rows; it may be nil.
func (b *batch) add(s *schema, from *kafka.Record, check func(*row.Row)) {
	r := record{offset: from.Offset, rows: len(b.rows), raw: len(b.raw)}
	b.raw = append(b.raw, from.Value...) // a copy: the original is a part of what was fetched
	r.rawEnd = len(b.raw)
	parsed, n, err := warc.Parse(from.Value)
	switch {
	case err != nil:
		r.undecoded = "it is not a record: " + err.Error()
	case n != len(from.Value):
		r.undecoded = "it has bytes behind the record"
	default:
		rows := row.Rows(&parsed)
		r.id, r.at, r.count, r.keyed = rows[0].ID, receivedAt(&rows[0]), len(rows), isKeyed(&parsed)
		for i := range rows {
			if check != nil {
				check(&rows[i])
			}
			b.rows = s.appendRow(b.rows, &rows[i], b.partition, from.Offset)
		}
	}
	r.rowsEnd = len(b.rows)
	b.count += r.count
	b.records = append(b.records, r)
	b.next = from.Next()
}

// isKeyed reports whether a record may repeat an earlier one by its Idempotency-Key. An imported record has the date of
// the original, and so the same key in ClickHouse.
func isKeyed(r *warc.Record) bool {
	return strings.Trim(r.Request.Header.Get("Idempotency-Key"), " \t\"") != "" && r.Extra.Get(row.ImportedField) == ""
}
