//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A Vector is a column of a chunk, in DuckDB's memory. It is valid until the chunk is destroyed.
// Package convert uses it too.
type Vector struct{ data, validity unsafe.Pointer }

// NewVector returns the vector of a column.
func NewVector(v duckdb.Vector) Vector {
	return Vector{duckdb.VectorGetData(v), duckdb.VectorGetValidity(v)}
}

// Null reports whether the row's bit of validity is 0.
func (v Vector) Null(row uint64) bool {
	return v.validity != nil && *(*uint64)(unsafe.Add(v.validity, row/64*8))>>(row%64)&1 == 0
}

// At returns the value of a row, which must be of DuckDB's representation T and not NULL.
func At[T any](v Vector, row uint64) *T {
	return (*T)(unsafe.Add(v.data, uintptr(row)*unsafe.Sizeof(*new(T))))
}

// Bytes reads a duckdb_string_t: four bytes of length, and then the text if it has at most 12 bytes,
// or four of its bytes and a pointer. The result is in DuckDB's memory.
func (v Vector) Bytes(row uint64) []byte {
	const inlined = 12
	s := unsafe.Pointer(At[[16]byte](v, row))
	n := *(*uint32)(s)
	if n <= inlined {
		return unsafe.Slice((*byte)(unsafe.Add(s, 4)), n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(s, 8)), n)
}
