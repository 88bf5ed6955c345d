//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics say how far the table is behind the inbox.
func (e *engine) metrics() []prometheus.Collector {
	behind := func() (int64, time.Time) {
		bytes, since, err := e.inbox.Behind(e.db.At())
		if err != nil {
			e.log.Warn("the table's lag is not known", "error", err)
		}
		return bytes, since
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_inbox_lag_bytes", Help: "Bytes of the inbox that are not in the table yet."}, func() float64 {
			bytes, _ := behind()
			return float64(bytes)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_sink_lag_seconds", Help: "How long the oldest beacon that is not in the table has waited; 0 where there is none."}, func() float64 {
			if _, since := behind(); !since.IsZero() {
				return time.Since(since).Seconds()
			}
			return 0
		}),
	}
}
