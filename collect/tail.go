package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/row"
)

const (
	tailPause = 100 * time.Millisecond // between two batches of beacons
	countTick = time.Second
	pingTick  = 15 * time.Second // shows a proxy, and us, that the other end is there
)

// tail streams beacons as server-sent events (HTML, "Server-sent events"): first the
// newest ones, as many as the query's last says, then those that come. Events are
// "beacon", a row in JSON; "count", what came in each of the last 60 minutes; "skip", how
// many beacons came too fast to be shown; and "ping".
func (c *Collector) tail(w http.ResponseWriter, r *http.Request) {
	last, err := strconv.Atoi(r.URL.Query().Get("last"))
	if text := r.URL.Query().Get("last"); text != "" && (err != nil || last < 0) {
		http.Error(w, fmt.Sprintf("last=%q is no number: say how many of the newest beacons to begin with, up to %d.", text, recentKept), http.StatusBadRequest)
		return
	}
	s := stream{to: impatient.NewWriter(w)}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // the server's is for requests that end
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back

	shown := c.recent.before(last)
	count, ping := time.NewTicker(countTick), time.NewTicker(pingTick)
	defer count.Stop()
	defer ping.Stop()
	var sent counts
	countNow := func() {
		now := c.recent.counts(time.Now())
		now.Lost = c.preflights.count(time.Now())
		if now != sent {
			sent = now
			s.event("count", now)
		}
	}
	countNow()
	for {
		beacons, missed, added := c.recent.since(shown)
		if missed > 0 {
			s.event("skip", map[string]uint64{"n": missed})
		}
		shown += missed
		for i := range beacons {
			s.event("beacon", row.Of(&beacons[i]))
		}
		shown += uint64(len(beacons))
		if s.flush() != nil {
			return
		}
		select {
		case <-added:
			select {
			case <-time.After(tailPause):
			case <-r.Context().Done():
				return
			}
		case <-count.C:
			countNow()
		case <-ping.C:
			s.event("ping", struct{}{})
		case <-r.Context().Done():
			return
		case <-c.recent.done:
			return
		}
	}
}

// A stream writes events until the first error.
type stream struct {
	to  *impatient.Writer
	err error
}

func (s *stream) event(name string, data any) {
	if s.err != nil {
		return
	}
	text, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	_, s.err = fmt.Fprintf(s.to, "event: %s\ndata: %s\n\n", name, text)
}

func (s *stream) flush() error {
	if s.err != nil {
		return s.err
	}
	return s.to.Flush()
}
