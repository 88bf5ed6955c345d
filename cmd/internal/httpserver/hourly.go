package httpserver

import (
	"sync"
	"time"
)

// An hourly counts events and lets at most one log line an hour through. Its zero value is ready. It is
// safe for concurrent use.
type hourly struct {
	mu     sync.Mutex
	count  int
	logged time.Time
}

// add counts an event. It returns the number of events since the last log line if a line is due, else 0.
func (h *hourly) add(now time.Time) (count int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	if now.Sub(h.logged) < time.Hour {
		return 0
	}
	count, h.count, h.logged = h.count, 0, now
	return count
}
