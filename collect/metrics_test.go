package collect_test

import (
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
)

// checkStats compares what a collector has counted. Each received beacon must be accepted or refused.
func checkStats(t *testing.T, c *collect.Collector, want func(s collect.Stats) bool) {
	t.Helper()
	s := c.Stats()
	if want != nil && !want(s) {
		t.Errorf("got %+v", s)
	}
	answered := s.Accepted
	for _, n := range s.Refused {
		answered += n
	}
	if answered != s.Received {
		t.Errorf("received %d, accepted and refused %d: %+v", s.Received, answered, s)
	}
}

func TestHistogram_Durations_AreInTheirBuckets(t *testing.T) {
	var h collect.TestHistogram
	for _, d := range []time.Duration{-1, 0, 100 * time.Microsecond, 101 * time.Microsecond, 200 * time.Microsecond, 201 * time.Microsecond, time.Hour} {
		h.Observe(d)
	}
	r := h.Read()
	if r.Count != 7 || len(r.Buckets) != 19 {
		t.Errorf("got %+v", r)
	}
	for bucket, want := range map[float64]uint64{0.0001: 3, 0.0002: 5, 0.0004: 6, 26.2144: 6} {
		if got := r.Buckets[bucket]; got != want {
			t.Errorf("at most %v s: got %d, want %d of %v", bucket, got, want, r.Buckets)
		}
	}
}
