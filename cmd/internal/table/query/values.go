//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A column is a column of a result.
type column struct {
	typ  duckdb.Type
	json bool // VARCHAR with JSON in it
}

// resultColumns returns the names and types of a statement's result.
func resultColumns(stmt duckdb.PreparedStatement) (names []string, columns []column) {
	for i := range duckdb.PreparedStatementColumnCount(stmt) {
		names = append(names, duckdb.PreparedStatementColumnName(stmt, i))
		typ := duckdb.PreparedStatementColumnLogicalType(stmt, i)
		columns = append(columns, column{duckdb.GetTypeId(typ), duckdb.LogicalTypeGetAlias(typ) == "JSON"})
		duckdb.DestroyLogicalType(&typ)
	}
	return names, columns
}

// readable returns a SELECT over sql that casts the types without an appender to VARCHAR, and whether
// there are such types. query() parses sql by itself: positions in errors are positions in sql, and sql
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

// cast returns the expression that casts a column, with %s for its name, or "" if none is needed.
func (c column) cast() string {
	switch c.typ {
	case duckdb.TypeBoolean, duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeBigInt,
		duckdb.TypeUTinyInt, duckdb.TypeUSmallInt, duckdb.TypeUInteger, duckdb.TypeUBigInt,
		duckdb.TypeFloat, duckdb.TypeDouble, duckdb.TypeVarchar, duckdb.TypeBlob:
		return ""
	case duckdb.TypeList, duckdb.TypeArray, duckdb.TypeStruct, duckdb.TypeMap, duckdb.TypeUnion, duckdb.TypeVariant:
		return "cast(to_json(%s) as varchar)"
	}
	return "cast(%s as varchar)"
}

// An appender appends a value of a vector as JSON.
type appender func(dst []byte, v Vector, row uint64) []byte

func appenders(columns []column, zone string) []appender {
	all := make([]appender, len(columns))
	for i, c := range columns {
		all[i] = c.appender(zone)
	}
	return all
}

func (c column) appender(zone string) appender {
	switch c.typ {
	case duckdb.TypeBoolean:
		return func(dst []byte, v Vector, row uint64) []byte {
			return appendBool(dst, *At[uint8](v, row) != 0)
		}
	case duckdb.TypeTinyInt:
		return signed[int8]
	case duckdb.TypeSmallInt:
		return signed[int16]
	case duckdb.TypeInteger:
		return signed[int32]
	case duckdb.TypeBigInt:
		return signed[int64]
	case duckdb.TypeUTinyInt:
		return unsigned[uint8]
	case duckdb.TypeUSmallInt:
		return unsigned[uint16]
	case duckdb.TypeUInteger:
		return unsigned[uint32]
	case duckdb.TypeUBigInt:
		return unsigned[uint64]
	case duckdb.TypeFloat:
		return func(dst []byte, v Vector, row uint64) []byte {
			return appendFloat(dst, float64(*At[float32](v, row)), 32)
		}
	case duckdb.TypeDouble:
		return func(dst []byte, v Vector, row uint64) []byte {
			return appendFloat(dst, *At[float64](v, row), 64)
		}
	case duckdb.TypeBlob:
		return texts(appendBlob)
	case duckdb.TypeDecimal, duckdb.TypeHugeInt, duckdb.TypeUHugeInt, duckdb.TypeBigNum:
		return texts(appendRaw)
	case duckdb.TypeList, duckdb.TypeArray, duckdb.TypeStruct, duckdb.TypeMap, duckdb.TypeUnion, duckdb.TypeVariant:
		return texts(func(dst, text []byte) []byte { return appendJSON(dst, quoteNonFinite(text)) })
	case duckdb.TypeTimestampTZ:
		return texts(func(dst, text []byte) []byte { return appendTime(dst, text, "") })
	case duckdb.TypeTimestamp, duckdb.TypeTimestampS, duckdb.TypeTimestampMS, duckdb.TypeTimestampNS:
		offset := ""
		if zone == "" || strings.EqualFold(zone, "UTC") {
			offset = "Z"
		}
		return texts(func(dst, text []byte) []byte { return appendTime(dst, text, offset) })
	case duckdb.TypeVarchar:
		if c.json {
			return texts(appendJSON)
		}
	}
	return texts(appendString)
}

func signed[T int8 | int16 | int32 | int64](dst []byte, v Vector, row uint64) []byte {
	return appendInt(dst, int64(*At[T](v, row)))
}

func unsigned[T uint8 | uint16 | uint32 | uint64](dst []byte, v Vector, row uint64) []byte {
	return appendUint(dst, uint64(*At[T](v, row)))
}

func texts(f func(dst, text []byte) []byte) appender {
	return func(dst []byte, v Vector, row uint64) []byte { return f(dst, v.Bytes(row)) }
}
