package collect

import (
	"net/http"
	"sync/atomic"
	"time"
)

// health is the state that readyz reports.
type health struct {
	draining atomic.Bool
	failed   atomic.Pointer[time.Time] // the last failed write of a beacon to disk
	logged   atomic.Pointer[time.Time] // the last log line about that
}

// cannotKeep records that a beacon could not be written to disk, and logs it at most once a second: the log
// may be on the same full disk.
func (c *Collector) cannotKeep(err error) {
	now := time.Now() // with the monotonic clock, as the other one may be set back
	c.health.failed.Store(&now)
	if last := c.health.logged.Load(); (last == nil || now.Sub(*last) > time.Second) && c.health.logged.CompareAndSwap(last, &now) {
		c.options.Logger.Error("beacons can't be stored, answering 503", "error", err)
	}
}

// healthz answers 200, which shows that the process runs.
func (c *Collector) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Write([]byte("ok\n"))
}

// readyz answers 200 if, as far as is known, a beacon would be stored now. It answers 503 after Drain, and
// for retryAfter after a failed write to disk. Later it answers 200 again, because only the next beacon
// shows whether the disk works.
func (c *Collector) readyz(w http.ResponseWriter, _ *http.Request) {
	failed := c.health.failed.Load()
	switch {
	case c.health.draining.Load():
		http.Error(w, "shutting down: send beacons elsewhere", http.StatusServiceUnavailable)
	case failed != nil && time.Since(*failed) < retryAfter:
		http.Error(w, "the last beacon could not be stored", http.StatusServiceUnavailable)
	default:
		w.Write([]byte("ready\n"))
	}
}

// Drain ends the live views, which have no end of their own, and makes /-/readyz answer 503, so that a
// load balancer uses other servers. Beacons are still stored. Call Drain before http.Server.Shutdown.
// Further calls do nothing.
func (c *Collector) Drain() {
	if !c.health.draining.Swap(true) {
		close(c.recent.done)
	}
}
