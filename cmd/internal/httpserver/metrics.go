package httpserver

import "github.com/prometheus/client_golang/prometheus"

// Why a connection was closed before its client wanted it.
const (
	closedAddress = "address" // its address has too many
	closedMemory  = "memory"
)

type metrics struct {
	connections, bytes, limit prometheus.GaugeFunc
	closed                    *prometheus.CounterVec
}

func newMetrics(t *tracker) *metrics {
	m := &metrics{
		connections: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_connections", Help: "Connections that are open."}, func() float64 {
			t.mu.Lock()
			defer t.mu.Unlock()
			return float64(len(t.conns))
		}),
		bytes: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_connections_bytes", Help: "Memory that connections and their requests hold, as it is counted."}, func() float64 {
			return float64(t.held.Load())
		}),
		limit: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "beacon_connections_limit_bytes", Help: "Memory that connections and their requests may hold."}, func() float64 {
			return float64(t.limit)
		}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "beacon_connections_evicted_total", Help: "Connections that were closed to stay within a limit: the memory of all, or the number of one address."}, []string{"limit"}),
	}
	m.closed.WithLabelValues(closedAddress)
	m.closed.WithLabelValues(closedMemory)
	return m
}

// Describe and Collect make a Server a prometheus.Collector.
func (s *Server) Describe(to chan<- *prometheus.Desc) {
	for _, c := range s.tracker.metrics.all() {
		c.Describe(to)
	}
}

// Collect is part of prometheus.Collector.
func (s *Server) Collect(to chan<- prometheus.Metric) {
	for _, c := range s.tracker.metrics.all() {
		c.Collect(to)
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.connections, m.bytes, m.limit, m.closed}
}
