package main

import (
	"github.com/prometheus/client_golang/prometheus"
)

var (
	readConnected  = described("beacon_log_read_connected", "1 while the log answers.")
	readRecords    = described("beacon_log_read_total", "Records that were read from the log.")
	readForeign    = described("beacon_log_foreign_total", "Records of the log that another program made, or that can't be read.")
	readLost       = described("beacon_log_lost_total", "Records that the log deleted before they were read.")
	readLagRecords = described("beacon_log_read_lag_records", "Records of the log that are not read yet.")
	readLagBytes   = described("beacon_log_read_lag_bytes", "Bytes of those records, by their mean; missing while that is not known.")
	readLagSeconds = described("beacon_log_read_lag_seconds", "How long ago the oldest of them was made.")
)

// logMetrics is a prometheus.Collector.
type logMetrics struct{ *logReader }

func (logMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readConnected, readRecords, readForeign, readLost, readLagRecords, readLagBytes, readLagSeconds} {
		to <- d
	}
}

func (m logMetrics) Collect(to chan<- prometheus.Metric) {
	s, lag := m.follower.Stats(), m.follower.Lag()
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter := func(d *prometheus.Desc, v int64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	gauge(readConnected, connected)
	counter(readRecords, m.read.Load())
	counter(readForeign, s.Foreign)
	counter(readLost, s.Missing)
	gauge(readLagRecords, float64(lag.Records))
	if lag.Bytes >= 0 {
		gauge(readLagBytes, float64(lag.Bytes))
	}
	gauge(readLagSeconds, lag.Time.Seconds())
}
