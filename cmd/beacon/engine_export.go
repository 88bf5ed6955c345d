//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package main

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/sink/duckdb"
)

var exportTypes = map[duckdb.Format]string{
	duckdb.Parquet: "application/vnd.apache.parquet",
	duckdb.CSV:     "text/csv; charset=utf-8; header=present",
	duckdb.JSON:    "application/x-ndjson",
}

// ExportHandler answers GET /-/export?format=parquet, csv or json with the table, in which
// is what a query would see.
func (e *engine) ExportHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			http.Error(w, "Ask with GET /-/export?format=…", http.StatusMethodNotAllowed)
			return
		}
		e.catchUpSoon(r.Context(), "an export")
		format := duckdb.Format(r.URL.Query().Get("format"))
		x, err := e.db.Export(r.Context(), format)
		switch {
		case errors.Is(err, duckdb.ErrFormat):
			http.Error(w, "There is no format "+strconv.Quote(string(format))+": ask for parquet, csv, json or warc.", http.StatusBadRequest)
			return
		case err != nil:
			e.log.Error("the table can't be exported", "error", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer x.Close()
		w.Header().Set("Content-Type", exportTypes[format])
		w.Header().Set("Content-Length", strconv.FormatInt(x.Size, 10))
		if _, err := io.Copy(impatient.NewWriter(w), x); err != nil {
			// The client misses what the length promised.
			e.log.Warn("export ended early", "error", err)
		}
	})
}
