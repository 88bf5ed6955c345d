package main

import (
	"fmt"
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

// A site is what routes has handlers of.
type site struct {
	collector *collect.Collector
	script    *script.Script
	share     *viewShare
	metrics   prometheus.Gatherer
	topic     string // of a table of a log, which takes no beacons

	// Handlers of the table. Without one they answer with the reason.
	query, export, table, board, panels http.Handler
}

func (s *site) withTable(t *tableService, board, panels http.Handler) {
	s.query, s.export, s.table, s.board, s.panels = t.QueryHandler(), t.ExportHandler(), t.TableHandler(), board, panels
}

// noTable answers what asks the table with the topic that has the beacons.
func (s *site) noTable(topic string) {
	text := fmt.Sprintf("This collector has no table: it copies its beacons to the topic %s. Ask 'beacon table --from' of that topic, or start this collector with --table too.", topic)
	none := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, http.StatusNotFound) })
	s.query, s.export, s.table, s.panels, s.board = none, none, none, none, web.Message("No table here", text)
}

// routes does not use http.ServeMux, because that redirects a request whose path is not clean. A
// browser does not follow the redirect of a preflight, so the beacon would be lost.
func routes(s site) http.Handler {
	c, beacons := s.collector, http.Handler(s.collector)
	if s.topic != "" {
		beacons = noBeacons(s.topic, c)
	}
	page, browserScript := httpserver.Evictable(web.Handler(s.script.Path())), httpserver.Evictable(s.script)
	query, export := c.Operator("query", mostQueries, s.query), c.Operator("export", mostExports, s.export)
	table, panel := c.Operator("table", mostAdminRequests, s.table), c.Operator("panel", mostQueries, s.panels)
	sample := c.Operator("sample", mostAdminRequests, sampleHandler(s.share))
	dashboard := c.OperatorPage("page", mostPages, s.board)
	counted := c.LocalOrOperator(promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch path := r.URL.EscapedPath(); {
		case get && s.script.Serves(path):
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
			beacons.ServeHTTP(w, r)
		}
	})
}
