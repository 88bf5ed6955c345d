package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/impatient"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	tailPause = 100 * time.Millisecond // between two batches of beacons
	countTick = time.Second            // between two checks of the counts
	pingTick  = 15 * time.Second       // keeps a proxy from closing the connection, and detects a lost client
)

// tail sends beacons as server-sent events (HTML, "Server-sent events"). It begins with the newest ones,
// and goes on with new ones. The query parameters are:
//
//	last    how many of the newest beacons to begin with
//	stream  a filter: the beacons and the counts are of the streams that match it, by the rules of streamFilter
//
// The events, with JSON data, are:
//
//	beacon  a row
//	count   counts, such as the beacons of each of the last 60 minutes, after the newest beacons and whenever
//	        they have changed; with a filter it has no lost beacons, whose streams are unknown
//	notice  about senders that need another setting, as JSON: paths of GETs that were not stored, and streams
//	        whose beacons are repeated, with their numbers; whenever they have changed
//	skip    n, the number of beacons of all streams that came too fast and are left out
//	ping    an empty object
func (c *Collector) tail(w http.ResponseWriter, r *http.Request) {
	last, err := strconv.Atoi(r.URL.Query().Get("last"))
	if text := r.URL.Query().Get("last"); text != "" && (err != nil || last < 0) {
		http.Error(w, fmt.Sprintf("last=%q is not a number: set it to how many of the newest beacons to begin with, up to %d.", text, recentKept), http.StatusBadRequest)
		return
	}
	s := stream{to: impatient.NewWriter(w)}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // the server's deadline would end the stream
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx buffers the events otherwise

	match := streamFilter(r.URL.Query().Get("stream"))
	shown := c.recent.before(last)
	if match != nil {
		shown = c.recent.before(recentKept)
	}
	count, ping := time.NewTicker(countTick), time.NewTicker(pingTick)
	defer count.Stop()
	defer ping.Stop()
	var sent counts
	var noticed uint64
	var counted time.Time
	countNow := func() {
		counted = time.Now()
		if ignored, repeated, version := c.notices.all(); version != noticed {
			noticed = version
			s.event("notice", map[string]any{"gets": ignored, "repeated": repeated})
		}
		now := c.recent.counts(counted, match)
		if match == nil {
			now.Lost = c.preflights.count(counted)
		}
		if now != sent {
			sent = now
			s.event("count", now)
		}
	}
	for first := true; ; first = false {
		beacons, missed, added := c.recent.since(shown)
		if missed > 0 {
			s.event("skip", map[string]uint64{"n": missed})
		}
		shown += missed + uint64(len(beacons))
		if match != nil {
			beacons = slices.DeleteFunc(beacons, func(b warc.Record) bool {
				stream, _ := row.Target(b.Request.Target)
				return !match(stream)
			})
			if first {
				beacons = beacons[max(0, len(beacons)-last):]
			}
		}
		for i := range beacons {
			s.event("beacon", row.Of(&beacons[i]))
		}
		if time.Since(counted) >= countTick { // a figure that lags behind the list looks wrong
			countNow()
		}
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

// A stream writes server-sent events. After the first error it writes nothing.
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
