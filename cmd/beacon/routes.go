package main

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/cmd/internal/script"
	"github.com/seed-d051cf5a/beacon/cmd/internal/web"
	"github.com/seed-d051cf5a/beacon/collect"
)

// How many requests of a kind run at a time.
const (
	mostQueries       = 100 // more than run and wait in query.Pool, which says what to do
	mostExports       = 4   // of the table: each has a file as large as the answer
	mostPages         = 16  // of the dashboard: each asks for all panels
	mostAdminRequests = 16
)

// routes does not use http.ServeMux, because that redirects a request whose path is not clean. A
// browser does not follow the redirect of a preflight, so the beacon would be lost.
func routes(c *collect.Collector, t *tableService, s *script.Script, share *viewShare, board, panels http.Handler, metrics prometheus.Gatherer) http.Handler {
	page, query, export := httpserver.Evictable(web.Handler(s.Path())), c.Operator("query", mostQueries, t.QueryHandler()), c.Operator("export", mostExports, t.ExportHandler())
	table := c.Operator("table", mostAdminRequests, t.TableHandler())
	browserScript, sample := httpserver.Evictable(s), c.Operator("sample", mostAdminRequests, sampleHandler(share))
	panel := c.Operator("panel", mostQueries, panels)
	dashboard := c.OperatorPage("page", mostPages, board)
	counted := c.LocalOrOperator(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch path := r.URL.EscapedPath(); {
		case get && s.Serves(path):
			browserScript.ServeHTTP(w, r)
		case get && path == "/":
			dashboard.ServeHTTP(w, r)
		case get && (path == collect.Operators+"live" || path == collect.Operators+"login" || path == collect.Operators+"bye" || strings.HasPrefix(path, collect.Operators+"web/")):
			page.ServeHTTP(w, r)
		case path == collect.Operators+"query":
			query.ServeHTTP(w, r)
		case strings.HasPrefix(path, panelPath):
			panel.ServeHTTP(w, r)
		case path == collect.Operators+"sample":
			sample.ServeHTTP(w, r)
		case strings.HasPrefix(path, collect.Operators+"table/"):
			table.ServeHTTP(w, r)
		case path == collect.Operators+"export" && ofTable(r.URL.Query().Get("format")):
			export.ServeHTTP(w, r)
		case get && path == collect.Operators+"metrics":
			counted.ServeHTTP(w, r)
		default:
			c.ServeHTTP(w, r)
		}
	})
}
