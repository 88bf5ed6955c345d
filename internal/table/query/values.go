//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// A column is a column of a result.
type column struct {
	typ  mapping.Type
	json bool // VARCHAR with JSON in it
}

// resultColumns returns the names and types of a statement's result.
func resultColumns(stmt mapping.PreparedStatement) (names []string, columns []column) {
	for i := range mapping.PreparedStatementColumnCount(stmt) {
		names = append(names, mapping.PreparedStatementColumnName(stmt, i))
		typ := mapping.PreparedStatementColumnLogicalType(stmt, i)
		columns = append(columns, column{mapping.GetTypeId(typ), mapping.LogicalTypeGetAlias(typ) == "JSON"})
		mapping.DestroyLogicalType(&typ)
	}
	return names, columns
}

// readable returns a SELECT over sql that turns types without a reader here into VARCHAR, and whether
// it is needed. query() parses the SQL anew, so that positions in errors are positions in sql, and sql
// may end with a semicolon or a comment.
func readable(sql string, columns []column) (string, bool) {
	needed := false
	selected, aliases := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		aliases[i] = fmt.Sprintf("c%d", i)
		selected[i] = aliases[i]
		if cast := c.cast(); cast != "" {
			needed = true
			selected[i] = fmt.Sprintf(cast, aliases[i])
		}
	}
	return fmt.Sprintf("select %s from query(%s) as t(%s)", strings.Join(selected, ", "), literal(sql), strings.Join(aliases, ", ")), needed
}

// cast is the expression that reads a column, with %s for its name; "" is the column itself.
func (c column) cast() string {
	switch c.typ {
	case mapping.TypeBoolean, mapping.TypeTinyInt, mapping.TypeSmallInt, mapping.TypeInteger, mapping.TypeBigInt,
		mapping.TypeUTinyInt, mapping.TypeUSmallInt, mapping.TypeUInteger, mapping.TypeUBigInt,
		mapping.TypeFloat, mapping.TypeDouble, mapping.TypeVarchar, mapping.TypeBlob:
		return ""
	case mapping.TypeList, mapping.TypeArray, mapping.TypeStruct, mapping.TypeMap, mapping.TypeUnion, mapping.TypeVariant:
		return "cast(to_json(%s) as varchar)"
	}
	return "cast(%s as varchar)"
}

// An appender appends the JSON of a vector's value.
type appender func(dst []byte, data unsafe.Pointer, row uint64) []byte

func appenders(columns []column, zone string) []appender {
	all := make([]appender, len(columns))
	for i, c := range columns {
		all[i] = c.appender(zone)
	}
	return all
}

func (c column) appender(zone string) appender {
	switch c.typ {
	case mapping.TypeBoolean:
		return func(dst []byte, data unsafe.Pointer, row uint64) []byte {
			return appendBool(dst, *at[uint8](data, row) != 0)
		}
	case mapping.TypeTinyInt:
		return signed[int8]
	case mapping.TypeSmallInt:
		return signed[int16]
	case mapping.TypeInteger:
		return signed[int32]
	case mapping.TypeBigInt:
		return signed[int64]
	case mapping.TypeUTinyInt:
		return unsigned[uint8]
	case mapping.TypeUSmallInt:
		return unsigned[uint16]
	case mapping.TypeUInteger:
		return unsigned[uint32]
	case mapping.TypeUBigInt:
		return unsigned[uint64]
	case mapping.TypeFloat:
		return func(dst []byte, data unsafe.Pointer, row uint64) []byte {
			return appendFloat(dst, float64(*at[float32](data, row)), 32)
		}
	case mapping.TypeDouble:
		return func(dst []byte, data unsafe.Pointer, row uint64) []byte {
			return appendFloat(dst, *at[float64](data, row), 64)
		}
	case mapping.TypeBlob:
		return texts(appendBlob)
	case mapping.TypeDecimal, mapping.TypeHugeInt, mapping.TypeUHugeInt, mapping.TypeBigNum:
		return texts(func(dst, text []byte) []byte { return append(dst, text...) })
	case mapping.TypeList, mapping.TypeArray, mapping.TypeStruct, mapping.TypeMap, mapping.TypeUnion, mapping.TypeVariant:
		return texts(func(dst, text []byte) []byte { return appendJSON(dst, quoteNonFinite(text)) })
	case mapping.TypeTimestampTZ:
		return texts(func(dst, text []byte) []byte { return appendTime(dst, text, "") })
	case mapping.TypeTimestamp, mapping.TypeTimestampS, mapping.TypeTimestampMS, mapping.TypeTimestampNS:
		offset := ""
		if zone == "" || strings.EqualFold(zone, "UTC") {
			offset = "Z"
		}
		return texts(func(dst, text []byte) []byte { return appendTime(dst, text, offset) })
	case mapping.TypeVarchar:
		if c.json {
			return texts(appendJSON)
		}
	}
	return texts(appendString)
}

func signed[T int8 | int16 | int32 | int64](dst []byte, data unsafe.Pointer, row uint64) []byte {
	return appendInt(dst, int64(*at[T](data, row)))
}

func unsigned[T uint8 | uint16 | uint32 | uint64](dst []byte, data unsafe.Pointer, row uint64) []byte {
	return appendUint(dst, uint64(*at[T](data, row)))
}

func texts(f func(dst, text []byte) []byte) appender {
	return func(dst []byte, data unsafe.Pointer, row uint64) []byte { return f(dst, bytesAt(data, row)) }
}

// A vector is DuckDB's memory of a column in a chunk.
type vector struct{ data, validity unsafe.Pointer }

func newVector(v mapping.Vector) vector {
	return vector{mapping.VectorGetData(v), mapping.VectorGetValidity(v)}
}

// null reports whether the row's bit of validity is 0.
func (v vector) null(row uint64) bool {
	return v.validity != nil && *at[uint64](v.validity, row/64)>>(row%64)&1 == 0
}

func at[T any](data unsafe.Pointer, row uint64) *T {
	return (*T)(unsafe.Add(data, uintptr(row)*unsafe.Sizeof(*new(T))))
}

// bytesAt reads a duckdb_string_t: four bytes of length, and then the text if it has at most 12
// bytes, or four of its bytes and a pointer. It is DuckDB's memory.
func bytesAt(data unsafe.Pointer, row uint64) []byte {
	const size, inlined = 16, 12
	s := unsafe.Add(data, uintptr(row)*size)
	n := *(*uint32)(s)
	if n <= inlined {
		return unsafe.Slice((*byte)(unsafe.Add(s, 4)), n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(s, 8)), n)
}
