// Package duckdb is the default sink: it drains a collector's inbox into one DuckDB
// file, and answers questions about what is in it.
//
// Rows and the place in the inbox up to which they reach are written in one
// transaction, so that a beacon is a row exactly once, whenever the process is killed.
//
// The engine is C++ and is linked in for the platforms that its Go bindings ship it
// for: Linux and macOS on amd64 and arm64, Windows on amd64, each built with cgo.
// Elsewhere this package is empty.
package duckdb
