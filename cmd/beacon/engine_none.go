//go:build !(cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64))

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d051cf5a/beacon/collect"
)

// This build has no table: DuckDB is a C++ library, and it was built without cgo or for a
// machine that the library is not there for.
const noTable = "this build has no SQL: it collects, tails and exports WARC; for queries build it with cgo and a C compiler (CGO_ENABLED=1)"

type engine struct{ missing string }

func openEngine(_ context.Context, _ string, _ *collect.Collector, o engineOptions, _ *slog.Logger) (*engine, error) {
	if o.maxAge > 0 || o.maxTable > 0 || o.maxInbox != defaultMaxInbox || o.queryTimeout != defaultQueryTimeout || len(o.columns) > 0 {
		return nil, usageError{errors.New("this build has no table: leave --max-age, --max-table, --max-inbox, --query-timeout and --column out")}
	}
	return &engine{missing: noTable}, nil
}

func (*engine) Close() error { return nil }

func (*engine) metrics() []prometheus.Collector { return nil }

func (*engine) QueryHandler() http.Handler  { return withoutTable() }
func (*engine) ExportHandler() http.Handler { return withoutTable() }

func withoutTable() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, noTable, http.StatusNotImplemented)
	})
}
