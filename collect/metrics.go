package collect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the metrics of a Collector. Each received beacon is also counted as accepted or as refused
// before its answer is sent.
type metrics struct {
	received, accepted, bytes     prometheus.Counter
	refused, operators            *prometheus.CounterVec
	preflights, preflightsRefused prometheus.Counter
	ack, fsync                    prometheus.Histogram
}

// reasons are the values of the label reason of refused beacons. Each is exported from the start.
var reasons = []string{"origin", "opt-out", "address-rate", "origin-rate", "too-large", "memory", "malformed", "disk"}

// seconds are the buckets of the histograms: 0.1 ms to 26 s, each twice the one before.
var seconds = prometheus.ExponentialBuckets(0.0001, 2, 19)

func newMetrics(r prometheus.Registerer, preflights *preflights) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		received:          counter("beacon_received_total", "Beacons received, by POST or as a pixel."),
		accepted:          counter("beacon_accepted_total", "Beacons stored on disk and acknowledged."),
		bytes:             counter("beacon_accepted_body_bytes_total", "Bytes of the bodies of accepted beacons, as received."),
		refused:           prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_refused_total", Help: "Beacons refused, by reason."}, []string{"reason"}),
		operators:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_operator_requests_total", Help: "Requests to admin endpoints that passed the checks, by kind. Health and metrics are not counted."}, []string{"kind"}),
		preflights:        counter("beacon_preflights_total", "CORS preflights that allowed the beacon."),
		preflightsRefused: counter("beacon_preflights_refused_total", "CORS preflights refused because their origin is not allowed."),
		ack:               prometheus.NewHistogram(prometheus.HistogramOpts{Name: "beacon_ack_seconds", Help: "Time from the end of a beacon's header to its answer, for accepted beacons.", Buckets: seconds}),
		fsync:             prometheus.NewHistogram(prometheus.HistogramOpts{Name: "beacon_fsync_seconds", Help: "Time of the write and the fsync of one group of beacons.", Buckets: seconds}),
	}
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	m.operators.WithLabelValues("login")
	if r != nil {
		r.MustRegister(m.received, m.accepted, m.bytes, m.refused, m.operators, m.preflights, m.preflightsRefused, m.ack, m.fsync,
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "beacon_preflights_orphaned_total",
				Help: "Preflights without a POST within 30 seconds: beacons lost because their page was closed.",
			}, func() float64 { return float64(preflights.count(time.Now())) }))
	}
	return m
}
