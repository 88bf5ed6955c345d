package main

import (
	"github.com/prometheus/client_golang/prometheus"
)

func described(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// samples are the metrics of one collection.
type samples chan<- prometheus.Metric

func (s samples) gauge(d *prometheus.Desc, v float64) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
}

func (s samples) counter(d *prometheus.Desc, v int64) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
}

// flag is 1 or 0.
func (s samples) flag(d *prometheus.Desc, on bool) {
	v := 0.0
	if on {
		v = 1
	}
	s.gauge(d, v)
}
