package table

import (
	"bytes"
	"slices"
	"time"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

// A field is one of the columns that every table has. The schema of the files, the view and the export
// are derived from the list below.
type field struct {
	name  string
	typ   string // in the view's SQL
	node  parquet.Node
	view  string // the view's expression, if it is not the column
	value func(*row.Row) parquet.Value
}

func text() parquet.Node {
	return parquet.Optional(parquet.Leaf(bounded{parquet.String().Type()}))
}

// repeated is text that is the same in many rows.
func repeated() parquet.Node { return parquet.Encoded(text(), &parquet.RLEDictionary) }

var fields = slices.Concat([]field{
	{"id", "uuid", parquet.UUID(), "", func(r *row.Row) parquet.Value { return parquet.FixedLenByteArrayValue(r.ID[:]) }},
	{"received_at", "timestamptz", parquet.Timestamp(parquet.Microsecond), "", func(r *row.Row) parquet.Value { return parquet.Int64Value(r.ReceivedAt.UnixMicro()) }},
	{"sent_at", "timestamptz", parquet.Optional(parquet.Timestamp(parquet.Microsecond)), "", func(r *row.Row) parquet.Value { return instant(r.SentAt) }},
	{"stream", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return parquet.ByteArrayValue(bytesOf(r.Stream)) }},
	{"query", "varchar", text(), "", func(r *row.Row) parquet.Value { return orNull(r.Query) }},
	{"origin", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(r.Origin) }},
	{"referrer", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(r.Referrer) }},
	{"user_agent", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(r.UserAgent) }},
	{"ip", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(r.IP) }},
	{"content_type", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(r.ContentType) }},
	{"kind", "varchar", repeated(), "", func(r *row.Row) parquet.Value { return parquet.ByteArrayValue(bytesOf(r.Kind)) }},
	// The body is stored only where it differs from the data.
	{"body", "blob", parquet.Optional(parquet.Leaf(bounded{parquet.ByteArrayType})), "coalesce(body, encode(data))", func(r *row.Row) parquet.Value {
		if r.Data != nil && bytes.Equal(r.Data, r.Body) {
			return parquet.Value{}
		}
		return parquet.ByteArrayValue(r.Body)
	}},
	// The writer stores only JSON that the engine reads. try_cast: else one such row would fail every query.
	{"data", "json", text(), "try_cast(data as json)", func(r *row.Row) parquet.Value {
		if r.Data == nil {
			return parquet.Value{}
		}
		return parquet.ByteArrayValue(r.Data)
	}},
	{"error", "varchar", text(), "", func(r *row.Row) parquet.Value { return orNull(r.Error) }},
	{"bot", "boolean", parquet.Optional(parquet.Leaf(parquet.BooleanType)), "", func(r *row.Row) parquet.Value { return parquet.BooleanValue(r.BotReason != "") }},
}, laterFields())

// A laterColumn is a column of text that files of earlier versions lack. Compaction computes it for them from the columns
// user_agent and bot. A file that has the column lists its name in File.Columns.
type laterColumn struct {
	name    string
	get     func(*row.Row) string
	missing string // the view's expression for files without the column
}

var laterColumns = []laterColumn{
	{"browser", func(r *row.Row) string { return r.Browser }, "null"},
	{"os", func(r *row.Row) string { return r.OS }, "null"},
	{"device", func(r *row.Row) string { return r.Device }, "null"},
	{"visitor", func(r *row.Row) string { return r.Visitor }, "null"},
	{"country", func(r *row.Row) string { return r.Country }, "null"},
	// Earlier versions found bots by the user agent alone.
	{"bot_reason", func(r *row.Row) string { return r.BotReason }, "case when bot then '" + row.BotAgent + "' end"},
}

func laterFields() (fields []field) {
	for _, c := range laterColumns {
		fields = append(fields, field{c.name, "varchar", repeated(), "", func(r *row.Row) parquet.Value { return orNull(c.get(r)) }})
	}
	return fields
}

// missingColumn returns the view's expression for a column that a file of an earlier version lacks, and whether there are
// such files.
func missingColumn(name string) (expression string, can bool) {
	i := slices.IndexFunc(laterColumns, func(c laterColumn) bool { return c.name == name })
	if i < 0 {
		return "", false
	}
	return laterColumns[i].missing, true
}

// orNull returns NULL for an empty string, which a row has for a value that was not sent.
func orNull(s string) parquet.Value {
	if s == "" {
		return parquet.Value{}
	}
	return parquet.ByteArrayValue(bytesOf(s))
}

// bytesOf returns the bytes of s without a copy. They must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func instant(t time.Time) parquet.Value {
	if t.IsZero() {
		return parquet.Value{}
	}
	return parquet.Int64Value(t.UnixMicro())
}

// OwnColumns returns the names of the columns that every table has, in the order of the view.
func OwnColumns() []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

var declaredNodes = map[string]parquet.Node{
	"double":  parquet.Optional(parquet.Leaf(parquet.DoubleType)),
	"bigint":  parquet.Optional(parquet.Leaf(parquet.Int64Type)),
	"boolean": parquet.Optional(parquet.Leaf(parquet.BooleanType)),
	"varchar": text(),
	// In UTC, to the microsecond.
	"timestamp": parquet.Optional(parquet.Timestamp(parquet.Microsecond)),
}
