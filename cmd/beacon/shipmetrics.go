package main

import (
	"github.com/prometheus/client_golang/prometheus"
)

var (
	shipConnected    = described("beacon_log_connected", "1 while the log answers.")
	shipAcknowledged = described("beacon_log_acknowledged_total", "Records that the log has acknowledged.")
	shipRetries      = described("beacon_log_retries_total", "Requests to the log that failed and were made again.")
	shipTooLarge     = described("beacon_log_too_large_total", "Records that the log refused for their size. They are in the folder dead.")
	shipDamaged      = described("beacon_log_damaged_total", "Damaged places of the inbox. Their bytes are in the folder dead.")
	shipLagRecords   = described("beacon_log_lag_records", "Records of the inbox that the log has not acknowledged; missing while that is not known.")
	shipLagBytes     = described("beacon_log_lag_bytes", "Bytes of the inbox that the log has not acknowledged.")
	shipLagSeconds   = described("beacon_log_lag_seconds", "How long ago the oldest of them was received.")
	shipMost         = described("beacon_log_max_backlog_bytes", "The bound of beacon_log_lag_bytes: beyond it beacons get 503.")
)

// newAcks returns the histogram of acknowledgements.
func newAcks() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "beacon_log_ack_seconds", Help: "Time until the log has acknowledged records that were sent together.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	})
}

// shipMetrics is a prometheus.Collector.
type shipMetrics struct{ *shipping }

func (m shipMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{shipConnected, shipAcknowledged, shipRetries, shipTooLarge, shipDamaged, shipLagRecords, shipLagBytes, shipLagSeconds, shipMost} {
		to <- d
	}
	m.acks.Describe(to)
}

func (m shipMetrics) Collect(to chan<- prometheus.Metric) {
	all := samples(to)
	s := m.Stats()
	all.flag(shipConnected, s.Connected)
	all.counter(shipAcknowledged, s.Acknowledged)
	all.counter(shipRetries, s.Retries)
	all.counter(shipTooLarge, s.TooLarge)
	all.counter(shipDamaged, s.Damaged)
	if s.LagRecords >= 0 {
		all.gauge(shipLagRecords, float64(s.LagRecords))
	}
	all.gauge(shipLagBytes, float64(s.LagBytes))
	all.gauge(shipLagSeconds, s.LagTime.Seconds())
	all.gauge(shipMost, float64(m.most))
	m.acks.Collect(to)
}
