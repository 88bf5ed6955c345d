// Package table keeps a collector's beacons as a folder of Parquet files: the writer follows an
// inbox, decodes its records into rows and writes the rows into files by the day of their arrival.
//
// The folder holds:
//
//	manifest              the live files, and the place in the inbox up to which they reach
//	manifest.previous     the manifest before the last change
//	20261129-000042.parquet
//	tail-000007.parquet   rows that are not flushed yet, for queries that run now
//	damaged/              files whose checksum is wrong
//	erased/               ids of erased rows, which an import must not bring back
//	keys/                 the keys that arrived within the last 48 h
//
// A change of the table is one replacement of the manifest, so that a crash at any moment leaves
// the table as it was before the change or as it is after it. Files that the manifest does not name
// are deleted at start.
//
// The package is pure Go. An engine reads the files from another process (package query), and so
// may any other program that reads Parquet.
package table
