package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/clickhouse"
	"github.com/seed-d051cf5a/beacon/cmd/internal/contract"
	"github.com/seed-d051cf5a/beacon/collect"
)

// runClickHouse copies the log into ClickHouse until ctx is done.
func (s *logTable) runClickHouse(ctx context.Context, f *pflag.FlagSet) error {
	sink, token, err := s.openSink(f)
	if err != nil {
		return err
	}
	s.limitMemory()
	log := s.collect.Logger
	listener, err := s.listener.open(log)
	if err != nil {
		return err
	}
	defer listener.Close()
	go s.from.checkLog(ctx, 0, log)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), clickhouseMetrics{sink})
	server := s.newServer(clickhouseRoutes(sink, s.from.kafka.Topic, &s.to.target, token, registry), func(*http.Request) bool { return false })
	registry.MustRegister(server)
	fmt.Printf("Beacon copies %s to ClickHouse, health and metrics at %s/\n  view  %s.%s at %s\n", s.from.url, listener.url(nil), s.to.target.Database, s.to.target.View, s.to.target.Host)

	return serveWhile(ctx, listener, server, sink.Run, func() {})
}

// openSink turns the flags' text into a sink. The token is that of the operators, or "".
func (s *logTable) openSink(f *pflag.FlagSet) (sink *clickhouse.Sink, operators string, err error) {
	partitions, err := s.check()
	if err != nil {
		return nil, "", usageError{err}
	}
	if err := s.to.check(f); err != nil {
		return nil, "", usageError{err}
	}
	columns, err := s.table.declared()
	if err != nil {
		return nil, "", usageError{err}
	}
	contracts, err := contract.Parse(s.table.schemas)
	if err != nil {
		return nil, "", usageError{fmt.Errorf("--schema %w", err)}
	}
	t, err := environmentToken()
	if err == nil && t.text == "" && s.tokenFile != "" {
		t, err = readToken(s.tokenFile, s.collect.Logger)
	}
	if err != nil {
		return nil, "", err
	}
	sink, err = clickhouse.New(clickhouse.Options{
		Log: s.from.kafka, Partitions: partitions, Target: s.to.target, Password: s.to.password, CA: s.to.ca,
		Columns: columns, Check: contracts.Check, Logger: s.collect.Logger,
	})
	if err != nil {
		return nil, "", usageError{err}
	}
	return sink, t.text, nil
}

// clickhouseRoutes answers for a sink: what it does, health and metrics.
func clickhouseRoutes(sink *clickhouse.Sink, topic string, to *clickhouse.Target, token string, metrics prometheus.Gatherer) http.Handler {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "This process copies the topic %s to ClickHouse at %s: ask the view %s.%s there.\nHealth: /-/healthz and /-/readyz. Metrics: /-/metrics.\n", topic, to.Host, to.Database, to.View)
	})
	handlers := map[string]http.Handler{
		"/":                           page,
		collect.Operators + "healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) }),
		collect.Operators + "readyz":  readiness(sink.Stats),
		collect.Operators + "metrics": promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
	}
	guarded := collect.LocalOrToken(token, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers[r.URL.EscapedPath()].ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case get && handlers[path] != nil:
			guarded.ServeHTTP(w, r)
		case strings.HasPrefix(path, collect.Operators):
			http.Error(w, fmt.Sprintf("The table of this process is in ClickHouse at %s: ask the view %s.%s there.", to.Host, to.Database, to.View), http.StatusNotFound)
		default:
			http.Error(w, fmt.Sprintf("This process copies the topic %s to ClickHouse: send beacons to a collector.", topic), http.StatusNotFound)
		}
	})
}

// readiness answers 200 while ClickHouse and the log answer, and else 503 with the reason.
func readiness(stats func() clickhouse.Stats) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch st := stats(); {
		case st.Error != "":
			http.Error(w, st.Error, http.StatusServiceUnavailable)
		case !st.Started:
			http.Error(w, "the tables in ClickHouse are not known yet", http.StatusServiceUnavailable)
		case !st.Log.Connected:
			http.Error(w, strings.TrimSuffix("the log does not answer: "+st.Log.Error, ": "), http.StatusServiceUnavailable)
		default:
			w.Write([]byte("ready\n"))
		}
	})
}
