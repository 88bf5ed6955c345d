package collect

import (
	"net/http"
	"sync/atomic"
	"time"
)

// health is what readyz says.
type health struct {
	draining atomic.Bool
	failed   atomic.Int64 // when the disk last refused a beacon, Unix time in nanoseconds
	logged   atomic.Int64 // when that was last logged
}

// cannotKeep remembers that the disk refused a beacon, and says so once a second: a full disk
// is not helped by a log that grows with each beacon.
func (c *Collector) cannotKeep(err error) {
	now := time.Now().UnixNano()
	c.health.failed.Store(now)
	if last := c.health.logged.Load(); now-last > int64(time.Second) && c.health.logged.CompareAndSwap(last, now) {
		c.options.Logger.Error("beacons can't be kept and are answered 503", "error", err)
	}
}

// healthz answers 200: the process runs and answers.
func (c *Collector) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Write([]byte("ok\n"))
}

// readyz answers 200 when a beacon that came now would be kept, as far as is known: not when
// the server is about to end, and not within the time that senders were asked to wait when
// the disk refused one. After that it is for the next beacon to find out.
func (c *Collector) readyz(w http.ResponseWriter, _ *http.Request) {
	failed := time.Unix(0, c.health.failed.Load())
	switch {
	case c.health.draining.Load():
		http.Error(w, "ending: send elsewhere", http.StatusServiceUnavailable)
	case time.Since(failed) < retryAfter:
		http.Error(w, "the disk refused a beacon a moment ago", http.StatusServiceUnavailable)
	default:
		w.Write([]byte("ready\n"))
	}
}

// Drain ends the live views, which never end by themselves, and makes /-/readyz say that
// beacons are better sent elsewhere. Those that still come are kept. It is for the moment
// before http.Server.Shutdown; calling it again does nothing.
func (c *Collector) Drain() {
	if !c.health.draining.Swap(true) {
		close(c.recent.done)
	}
}
