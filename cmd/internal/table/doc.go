// Package table stores a collector's beacons in a folder of Parquet files. The writer follows an
// inbox, decodes its records into rows and writes the rows into files by the day of their arrival.
//
// The folder holds:
//
//	manifest              the live files, and the cursor of the inbox: all before it is in them
//	manifest.previous     the manifest before the last change
//	20261129-000042.parquet
//	tail-000007.parquet   rows that are not flushed yet, for queries that run now
//	damaged/              files with a wrong checksum
//	erased/               ids of erased rows, which an import must not add again
//	keys/                 the Idempotency-Keys of the last 48 h
//
// A change of the table is one replacement of the manifest, so that a crash at any moment leaves
// the table as it was before the change or as it is after it. Files that the manifest does not name
// are deleted at start.
//
// The package is pure Go. DuckDB reads the files in another process (package query). Other programs
// that read Parquet may read them too.
package table
