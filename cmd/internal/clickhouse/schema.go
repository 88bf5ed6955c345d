package clickhouse

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// A column is one of the raw table: its name, its type as ClickHouse writes it, and how its value is appended to a row.
type column struct {
	name, typ string
	value     func(b []byte, r *row.Row) []byte
}

const (
	instant  = "DateTime64(6, 'UTC')" // to the microsecond, in UTC
	text     = "Nullable(String)"
	repeated = "LowCardinality(Nullable(String))" // the same in many rows
)

// ownColumns are the columns that every table has, in the order of table.OwnColumns.
var ownColumns = []column{
	{"id", "UUID", func(b []byte, r *row.Row) []byte { return appendUUID(b, r.ID) }},
	{"received_at", instant, func(b []byte, r *row.Row) []byte { return appendInt64(b, receivedAt(r)) }},
	{"sent_at", "Nullable(" + instant + ")", func(b []byte, r *row.Row) []byte {
		if r.SentAt.IsZero() {
			return append(b, 1)
		}
		return appendInt64(append(b, 0), inRange(r.SentAt.UnixMicro()))
	}},
	{"stream", "LowCardinality(String)", func(b []byte, r *row.Row) []byte { return appendString(b, r.Stream) }},
	{"query", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.Query) }},
	{"origin", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.Origin) }},
	{"referrer", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.Referrer) }},
	{"user_agent", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.UserAgent) }},
	{"ip", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.IP) }},
	{"content_type", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.ContentType) }},
	{"kind", "LowCardinality(String)", func(b []byte, r *row.Row) []byte { return appendString(b, r.Kind) }},
	// The body is stored only where it differs from the data. A String of ClickHouse has any bytes.
	{"body", text, func(b []byte, r *row.Row) []byte {
		if r.Data != nil && bytes.Equal(r.Data, r.Body) {
			return append(b, 1)
		}
		return appendString(append(b, 0), stringOf(r.Body))
	}},
	// JSON as text: the type JSON refuses some values, and would not give back the same text.
	{"data", text, func(b []byte, r *row.Row) []byte {
		if r.Data == nil {
			return append(b, 1)
		}
		return appendString(append(b, 0), stringOf(r.Data))
	}},
	{"error", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.Error) }},
	{"bot", "Bool", func(b []byte, r *row.Row) []byte { return appendBool(b, r.BotReason != "") }},
	{"browser", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.Browser) }},
	{"os", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.OS) }},
	{"device", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.Device) }},
	{"visitor", text, func(b []byte, r *row.Row) []byte { return orNull(b, r.Visitor) }},
	{"country", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.Country) }},
	{"bot_reason", repeated, func(b []byte, r *row.Row) []byte { return orNull(b, r.BotReason) }},
}

// logColumns are those of the raw table that the view does not have. Their values come from the record of the topic.
var logColumns = []column{{name: "log_partition", typ: "Int32"}, {name: "log_offset", typ: "Int64"}, {name: "log_version", typ: "UInt64"}}

// bodyView is the view's expression for the column body.
const bodyView = "coalesce(body, data) AS body"

func receivedAt(r *row.Row) int64 { return inRange(r.ReceivedAt.UnixMicro()) }

// orNull appends NULL for an empty string, which a row has for a value that was not sent.
func orNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, 1)
	}
	return appendString(append(b, 0), s)
}

// A declared type of a column: its type of ClickHouse, and how a value that is not NULL is appended.
type declaredType struct {
	typ    string
	append func(b []byte, v parquet.Value) []byte
}

var declaredTypes = map[string]declaredType{
	"double":    {"Nullable(Float64)", func(b []byte, v parquet.Value) []byte { return appendFloat64(b, v.Double()) }},
	"bigint":    {"Nullable(Int64)", func(b []byte, v parquet.Value) []byte { return appendInt64(b, v.Int64()) }},
	"boolean":   {"Nullable(Bool)", func(b []byte, v parquet.Value) []byte { return appendBool(b, v.Boolean()) }},
	"varchar":   {text, func(b []byte, v parquet.Value) []byte { return appendString(b, stringOf(v.ByteArray())) }},
	"timestamp": {"Nullable(" + instant + ")", func(b []byte, v parquet.Value) []byte { return appendInt64(b, inRange(v.Int64())) }},
}

// A schema is the columns of a sink's tables: those of every table, and the declared ones.
type schema struct{ columns []column }

// newSchema returns the schema with declared columns. Errors wrap table.ErrColumn.
func newSchema(declared []table.Column) (*schema, error) {
	s := &schema{columns: slices.Clone(ownColumns)}
	for _, c := range declared {
		if slices.ContainsFunc(logColumns, func(l column) bool { return strings.EqualFold(l.name, c.Name) }) {
			return nil, fmt.Errorf("%w: %s is a column of the table in ClickHouse already: choose another name", table.ErrColumn, c.Name)
		}
		value, err := c.Compile()
		if err != nil {
			return nil, err
		}
		typ := declaredTypes[c.Type]
		s.columns = append(s.columns, column{c.Name, typ.typ, func(b []byte, r *row.Row) []byte {
			v := value(r.Stream, r.Data)
			if v.IsNull() {
				return append(b, 1)
			}
			return typ.append(append(b, 0), v)
		}})
	}
	return s, nil
}

// raw returns the columns of the raw table.
func (s *schema) raw() []column { return slices.Concat(s.columns, logColumns) }

// appendRow appends a row of a record of the topic. log_version is greater the earlier the row was received, because
// ReplacingMergeTree keeps the row with the greatest.
func (s *schema) appendRow(b []byte, r *row.Row, partition int32, offset int64) []byte {
	for _, c := range s.columns {
		b = c.value(b, r)
	}
	b = append(b, byte(partition), byte(partition>>8), byte(partition>>16), byte(partition>>24))
	b = appendInt64(b, offset)
	return appendInt64(b, int64(uint64(math.MaxInt64)-uint64(receivedAt(r))))
}

// names returns the quoted names of columns.
func names(columns []column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = ident(c.name)
	}
	return strings.Join(list, ", ")
}

// definitions returns the names and types of columns.
func definitions(columns []column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = ident(c.name) + " " + c.typ
	}
	return strings.Join(list, ", ")
}

// viewSQL returns the view's SELECT.
func (s *schema) viewSQL(t *Target) string {
	list := make([]string, len(s.columns))
	for i, c := range s.columns {
		if list[i] = ident(c.name); c.name == "body" {
			list[i] = bodyView
		}
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + t.table("_raw") + " FINAL"
}
