package main

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d051cf5a/beacon/collect"
)

var (
	received           = described("beacon_received_total", "Beacons received, by POST or as a pixel.")
	accepted           = described("beacon_accepted_total", "Beacons stored on disk and acknowledged.")
	acceptedBytes      = described("beacon_accepted_body_bytes_total", "Bytes of the bodies of accepted beacons, as received.")
	refused            = prometheus.NewDesc("beacon_refused_total", "Beacons refused, by reason.", []string{"reason"}, nil)
	operatorRequests   = prometheus.NewDesc("beacon_operator_requests_total", "Requests to admin endpoints that passed the checks, by kind. Health and metrics are not counted.", []string{"kind"}, nil)
	getsIgnored        = prometheus.NewDesc("beacon_gets_ignored_total", "GETs with a query that were not stored, for the most frequent paths: see serve --get.", []string{"path"}, nil)
	repeated           = prometheus.NewDesc("beacon_repeated_total", "Beacons that one client sent four times within ten minutes, for the most frequent streams: see serve --answer.", []string{"stream"}, nil)
	preflights         = described("beacon_preflights_total", "CORS preflights that allowed the beacon.")
	preflightsRefused  = described("beacon_preflights_refused_total", "CORS preflights refused because their origin is not allowed.")
	preflightsOrphaned = described("beacon_preflights_orphaned_total", "Preflights without a POST within 30 seconds: beacons lost because their page was closed.")
	ackSeconds         = described("beacon_ack_seconds", "Time from the end of a beacon's header to its answer, for accepted beacons.")
	fsyncSeconds       = described("beacon_fsync_seconds", "Time of the write and the fsync of one group of beacons.")
)

// collectMetrics is a prometheus.Collector.
type collectMetrics struct{ *collect.Collector }

func (collectMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{received, accepted, acceptedBytes, refused, getsIgnored, repeated, operatorRequests,
		preflights, preflightsRefused, preflightsOrphaned, ackSeconds, fsyncSeconds} {
		to <- d
	}
}

func (m collectMetrics) Collect(to chan<- prometheus.Metric) {
	s := m.Stats()
	counter := func(d *prometheus.Desc, n uint64, label ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label...)
	}
	counter(received, s.Received)
	counter(accepted, s.Accepted)
	counter(acceptedBytes, s.Bytes)
	for reason, n := range s.Refused {
		counter(refused, n, reason)
	}
	for path, n := range s.GetsIgnored {
		counter(getsIgnored, n, strings.ToValidUTF8(path, "\uFFFD"))
	}
	for stream, n := range s.Repeated {
		counter(repeated, n, strings.ToValidUTF8(stream, "\uFFFD"))
	}
	for kind, n := range s.Operators {
		counter(operatorRequests, n, kind)
	}
	counter(preflights, s.Preflights)
	counter(preflightsRefused, s.PreflightsRefused)
	counter(preflightsOrphaned, s.PreflightsOrphaned)
	for d, h := range map[*prometheus.Desc]collect.Histogram{ackSeconds: s.Ack, fsyncSeconds: s.Fsync} {
		to <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum, h.Buckets)
	}
}
