package collect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what is counted. Of the beacons received each is accepted or refused, once its
// answer is known.
type metrics struct {
	received, accepted, bytes     prometheus.Counter
	refused, operators            *prometheus.CounterVec
	preflights, preflightsRefused prometheus.Counter
	ack, fsync                    prometheus.Histogram
}

// reasons for which beacons are refused; all of them are shown from the start.
var reasons = []string{"origin", "opt-out", "address-rate", "origin-rate", "too-large", "memory", "malformed", "disk"}

// seconds are the histograms' buckets: 0.1 ms to 26 s, each twice the one before.
var seconds = prometheus.ExponentialBuckets(0.0001, 2, 19)

func newMetrics(r prometheus.Registerer, preflights *preflights) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		received:          counter("beacon_received_total", "Beacons that came, by POST or as a pixel."),
		accepted:          counter("beacon_accepted_total", "Beacons that are on disk and were answered so."),
		bytes:             counter("beacon_accepted_body_bytes_total", "Bytes of the bodies of accepted beacons, as they came."),
		refused:           prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_refused_total", Help: "Beacons that were refused."}, []string{"reason"}),
		operators:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_operator_requests_total", Help: "Requests to admin endpoints that passed the checks, by kind. Health and metrics are not counted."}, []string{"kind"}),
		preflights:        counter("beacon_preflights_total", "CORS preflights that were answered with leave to send."),
		preflightsRefused: counter("beacon_preflights_refused_total", "CORS preflights of origins that may not send here."),
		ack:               prometheus.NewHistogram(prometheus.HistogramOpts{Name: "beacon_ack_seconds", Help: "From the end of a beacon's header to its answer, for those that are accepted.", Buckets: seconds}),
		fsync:             prometheus.NewHistogram(prometheus.HistogramOpts{Name: "beacon_fsync_seconds", Help: "The write and the fsync of one group of beacons.", Buckets: seconds}),
	}
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	m.operators.WithLabelValues("login")
	if r != nil {
		r.MustRegister(m.received, m.accepted, m.bytes, m.refused, m.operators, m.preflights, m.preflightsRefused, m.ack, m.fsync,
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "beacon_preflights_orphaned_total",
				Help: "Preflights whose POST did not come within 30 seconds: beacons that were lost because their page was gone.",
			}, func() float64 { return float64(preflights.count(time.Now())) }))
	}
	return m
}
