package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
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
	for _, d := range readMetrics {
		to <- d
	}
}

// readMetrics are those that collectRead collects.
var readMetrics = []*prometheus.Desc{readConnected, readRecords, readForeign, readLost, readLagRecords, readLagBytes, readLagSeconds}

// collectRead collects what a reader of a log has done.
func (s samples) collectRead(records int64, stats kafka.FollowStats, lag kafka.Lag) {
	s.flag(readConnected, stats.Connected)
	s.counter(readRecords, records)
	s.counter(readForeign, stats.Foreign)
	s.counter(readLost, stats.Missing)
	s.gauge(readLagRecords, float64(lag.Records))
	if lag.Bytes >= 0 {
		s.gauge(readLagBytes, float64(lag.Bytes))
	}
	s.gauge(readLagSeconds, lag.Time.Seconds())
}

func (m logMetrics) Collect(to chan<- prometheus.Metric) {
	samples(to).collectRead(m.read.Load(), m.follower.Stats(), m.follower.Lag())
}
