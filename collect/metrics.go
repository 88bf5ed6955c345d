package collect

import (
	"maps"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// A Stats is what a Collector has counted since it was opened. Each received beacon is also counted as accepted
// or as refused before its answer is sent.
type Stats struct {
	Received uint64            // beacons, by POST or as a pixel
	Accepted uint64            // beacons stored on disk and acknowledged
	Bytes    uint64            // of the bodies of accepted beacons, as received
	Refused  map[string]uint64 // beacons, by reason; all reasons are present

	Preflights         uint64 // that allowed the beacon
	PreflightsRefused  uint64 // because their origin is not allowed
	PreflightsOrphaned uint64 // without a POST within 30 seconds: beacons lost because their page was closed

	// GetsIgnored are GETs with a query that were not stored, by path, and Repeated the beacons that one client
	// sent four times within ten minutes, by stream. Both have the 32 most frequent paths.
	GetsIgnored, Repeated map[string]uint64

	// Operators are the requests to admin endpoints that passed the checks, by kind. Health is not counted.
	Operators map[string]uint64

	Ack   Histogram // from the end of a beacon's header to its answer, for accepted beacons
	Fsync Histogram // of the write and the fsync of one group of beacons
}

// A Histogram counts durations.
type Histogram struct {
	Buckets map[float64]uint64 // how many took at most so many seconds
	Count   uint64
	Sum     float64 // seconds
}

// Stats returns what the collector has counted.
func (c *Collector) Stats() Stats {
	m := &c.metrics
	ignored, repeated, _ := c.notices.all()
	return Stats{
		GetsIgnored: ignored, Repeated: repeated,
		Received: m.received.Load(), Accepted: m.accepted.Load(), Bytes: m.bytes.Load(), Refused: m.refused.all(),
		Preflights: m.preflights.Load(), PreflightsRefused: m.preflightsRefused.Load(), PreflightsOrphaned: c.preflights.count(time.Now()),
		Operators: m.operators.all(), Ack: m.ack.read(), Fsync: m.fsync.read(),
	}
}

// metrics are the counters of a Collector. init is called before the first use.
type metrics struct {
	received, accepted, bytes     atomic.Uint64
	preflights, preflightsRefused atomic.Uint64
	refused, operators            counters
	ack, fsync                    histogram
}

// reasons are the keys of Stats.Refused.
var reasons = []string{"origin", "opt-out", "address-rate", "origin-rate", "too-large", "memory", "malformed", "disk", "log"}

func (m *metrics) init() {
	for _, reason := range reasons {
		m.refused.add(reason, 0)
	}
	m.operators.add("login", 0)
}

// A counters has a counter for each name. It is for what is rare, as it has a lock.
type counters struct {
	mu sync.Mutex
	by map[string]uint64
}

func (c *counters) add(name string, n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]uint64{}
	}
	c.by[name] += n
}

func (c *counters) all() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.by)
}

// A histogram has buckets of 0.1 ms, 0.2 ms, … 26 s, each twice the one before, and one for what took longer.
type histogram struct {
	buckets [histogramBuckets + 1]atomic.Uint64
	nanos   atomic.Int64
}

const (
	histogramBuckets = 19
	firstBucket      = 100 * time.Microsecond
)

func (h *histogram) observe(d time.Duration) {
	i := bits.Len64(uint64(max(d-1, 0) / firstBucket))
	h.buckets[min(i, histogramBuckets)].Add(1)
	h.nanos.Add(int64(d))
}

func (h *histogram) read() Histogram {
	r := Histogram{Buckets: make(map[float64]uint64, histogramBuckets), Sum: time.Duration(h.nanos.Load()).Seconds()}
	for i := range h.buckets {
		if r.Count += h.buckets[i].Load(); i < histogramBuckets {
			r.Buckets[(firstBucket << i).Seconds()] = r.Count
		}
	}
	return r
}
