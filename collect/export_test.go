package collect

import (
	"net/netip"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// NewForTest is a collector that keeps nothing on disk.
func NewForTest(o Options) *Collector {
	c := newCollector(o.orDefault(), func([]byte) error { return nil })
	c.recent = &recent{started: time.Now(), done: make(chan struct{})}
	return c
}

func (c *Collector) Private(a netip.Addr, now time.Time) (string, warc.Fields) {
	return c.private(a, now)
}

// Memory is the bytes that are counted.
func (c *Collector) Memory() int64 { return c.memory.used.Load() }

// TestHistogram is a histogram.
type TestHistogram struct{ h histogram }

func (h *TestHistogram) Observe(d time.Duration) { h.h.observe(d) }
func (h *TestHistogram) Read() Histogram         { return h.h.read() }
