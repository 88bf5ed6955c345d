//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	lagBytes   = prometheus.NewDesc("beacon_inbox_lag_bytes", "Bytes of the inbox that are not in the table yet.", nil, nil)
	lagSeconds = prometheus.NewDesc("beacon_sink_lag_seconds", "How long ago the oldest beacon that is not in the table was received, for an imported one where it was first; 0 where there is none.", nil, nil)
)

// lag is a prometheus.Collector of how far the table is behind the inbox.
type lag struct{ *engine }

func (e *engine) metrics() []prometheus.Collector { return []prometheus.Collector{lag{e}} }

func (lag) Describe(to chan<- *prometheus.Desc) {
	to <- lagBytes
	to <- lagSeconds
}

func (l lag) Collect(to chan<- prometheus.Metric) {
	bytes, since, err := l.inbox.Behind(l.db.At())
	if err != nil {
		l.log.Warn("the table's lag is not known", "error", err)
		return
	}
	seconds := 0.0
	if !since.IsZero() {
		seconds = time.Since(since).Seconds()
	}
	to <- prometheus.MustNewConstMetric(lagBytes, prometheus.GaugeValue, float64(bytes))
	to <- prometheus.MustNewConstMetric(lagSeconds, prometheus.GaugeValue, seconds)
}
