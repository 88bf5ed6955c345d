package collect_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A counts reads what a collector has counted.
type counts struct{ registry *prometheus.Registry }

func counting(testing.TB) counts { return counts{prometheus.NewRegistry()} }

// all are the counters, and the histograms' counts, by name and the values of their labels.
func (c counts) all(t testing.TB) map[string]float64 {
	t.Helper()
	families, err := c.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, label := range m.Label {
				name += "{" + label.GetValue() + "}"
			}
			switch {
			case m.Counter != nil:
				all[name] = m.Counter.GetValue()
			case m.Histogram != nil:
				all[name] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	return all
}

// want compares those that are named, and that each beacon was accepted or refused.
func (c counts) want(t *testing.T, want map[string]float64) {
	t.Helper()
	all := c.all(t)
	for name, n := range want {
		if got, ok := all[name]; !ok || got != n {
			t.Errorf("%s is %v, want %v", name, got, n)
		}
	}
	answered := all["beacon_accepted_total"]
	for name, n := range all {
		if strings.HasPrefix(name, "beacon_refused_total{") {
			answered += n
		}
	}
	if answered != all["beacon_received_total"] {
		t.Errorf("received %v, accepted and refused %v", all["beacon_received_total"], answered)
	}
}
