package main

import (
	"io"
	"net/http"
	"strconv"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
)

var exportTypes = map[query.Format]string{
	query.Parquet: "application/vnd.apache.parquet",
	query.CSV:     "text/csv; charset=utf-8; header=present",
	query.JSON:    "application/x-ndjson",
}

// missingHeader names the damaged files whose rows an export lacks.
const missingHeader = "Beacon-Missing"

// ExportHandler answers GET /-/export?format=parquet, csv or json with the rows that a query would
// see. The files are checked first.
func (s *tableService) ExportHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			http.Error(w, "Ask with GET /-/export?format=…", http.StatusMethodNotAllowed)
			return
		}
		format := query.Format(r.URL.Query().Get("format"))
		if exportTypes[format] == "" {
			http.Error(w, "There is no format "+strconv.Quote(string(format))+": ask for parquet, csv, json or warc.", http.StatusBadRequest)
			return
		}
		if _, err := s.table.Check(r.Context(), s.inbox, nil); err != nil {
			answerError(w, err)
			return
		}
		snapshot, err := s.snapshot(r.Context())
		if err != nil {
			answerError(w, err)
			return
		}
		defer snapshot.Release()
		x, err := s.pool.Export(r.Context(), query.Request{View: snapshot.View()}, format)
		if err != nil {
			s.log.Error("table can't be exported", "error", err)
			answerError(w, err)
			return
		}
		defer x.Close()
		for _, d := range snapshot.Damaged {
			w.Header().Add(missingHeader, d.Name)
		}
		w.Header().Set("Content-Type", exportTypes[format])
		w.Header().Set("Content-Length", strconv.FormatInt(x.Size, 10))
		if _, err := io.Copy(impatient.NewWriter(w), x); err != nil {
			// The client sees that bytes are missing by the length.
			s.log.Warn("export ended early", "error", err)
		}
	})
}
