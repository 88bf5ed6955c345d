package deliver

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// waitsName is the file of an outbox that says what its beacons wait for. It carries delays to the next
// deliverer and reasons to the user. It is renamed into place without an fsync: to lose it costs attempts
// only.
const waitsName = "waits"

const (
	waitsMost  = 4096 // lines
	waitsBytes = 1 << 20
	waitsPause = time.Second // between two writes
)

// Waits is what the beacons of an outbox wait for.
type Waits struct {
	At    time.Time `json:"at"` // when it was written
	Units []Wait    `json:"-"`
}

// A Wait is an origin without a connection, or a lane whose last beacon failed.
type Wait struct {
	Origin   string    `json:"origin,omitempty"`
	URL      string    `json:"url,omitempty"`  // of a lane
	Lane     string    `json:"lane,omitempty"` // the lane's key, in hexadecimal
	Down     bool      `json:"down,omitempty"` // the lane sends probes only
	Failures int       `json:"failures"`       // in a row
	Since    time.Time `json:"since"`          // the first of them
	Until    time.Time `json:"until"`          // the next attempt
	Error    string    `json:"error"`          // the last one
}

// ReadWaits reads the file of an outbox. A file that is missing or damaged has no units.
func ReadWaits(dir string) (w Waits) {
	text, err := os.ReadFile(filepath.Join(dir, waitsName))
	if err != nil {
		return w
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &w) != nil {
		return Waits{}
	}
	for lines.Scan() {
		var u Wait
		if json.Unmarshal(lines.Bytes(), &u) == nil && len(w.Units) < waitsMost {
			w.Units = append(w.Units, u)
		}
	}
	return w
}

// Of returns what a record waits for: its origin, or else its lane. Without a failure the Wait is zero.
func (w Waits) Of(r *warc.Record) (of Wait) {
	if !knownFormat(r) {
		return Wait{Error: "a newer version of the library wrote it: a program with that version delivers it"}
	}
	url, origin := r.Target, OriginOf(r.Target)
	for _, u := range w.Units {
		switch {
		case u.URL == "" && u.Origin == origin:
			return u
		case u.URL == url:
			of = u
		}
	}
	if of.Error == "" && r.Extra.Get(BaseField) != "" {
		of.Error = "only its own program delivers it, while that runs"
	}
	return of
}

// waits keeps the file of one run.
type waits struct {
	dir     string
	changed bool
	wrote   time.Time
	exists  bool

	origins map[string]Wait // of the run before, until the origin is met
	lanes   map[uint64]Wait
}

func loadWaits(dir string, now time.Time) *waits {
	// A run that ends within waitsPause, as in a program's own process, writes no file unless it has to.
	w := &waits{dir: dir, changed: true, wrote: now, origins: map[string]Wait{}, lanes: map[uint64]Wait{}}
	before := ReadWaits(dir)
	w.exists = !before.At.IsZero()
	for _, u := range before.Units {
		if u.Failures < 0 || u.Until.Sub(now) > maxRetryAfter { // damaged, or the clock was set back
			continue
		}
		if key, err := strconv.ParseUint(u.Lane, 16, 64); err == nil {
			w.lanes[key] = u
		} else if u.Origin != "" {
			w.origins[u.Origin] = u
		}
	}
	return w
}

// origin gives a new origin the delay of the run before.
func (w *waits) origin(o *origin) {
	if u, ok := w.origins[o.name]; ok {
		delete(w.origins, o.name)
		o.tried, o.failures, o.notBefore, o.err, o.since = true, u.Failures, u.Until, u.Error, u.Since
	}
}

// lane gives a new lane the delay of the run before.
func (w *waits) lane(l *lane) {
	if u, ok := w.lanes[l.key]; ok {
		delete(w.lanes, l.key)
		l.err, l.since = u.Error, u.Since
		if u.Down {
			l.down, l.failures, l.notBefore, l.retryAt = true, u.Failures, u.Until, u.Until
			l.round++
		}
	}
}

// due reports whether the file should be written.
func (w *waits) due(now time.Time) bool { return w.changed && now.Sub(w.wrote) >= waitsPause }

// write writes the file.
func (w *waits) write(s *schedule, now time.Time) {
	w.wrote = now
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.Encode(Waits{At: now.UTC().Truncate(time.Second)})
	lines := 0
	line := func(u Wait) {
		if lines++; lines <= waitsMost && b.Len() < waitsBytes {
			e.Encode(u)
		}
	}
	for _, u := range w.origins { // not met yet
		if u.Until.After(now) {
			line(u)
		}
	}
	for _, u := range w.lanes {
		if u.Until.After(now) {
			line(u)
		}
	}
	for _, o := range s.origins {
		if o.failures > 0 {
			line(Wait{Origin: o.name, Failures: o.failures, Since: o.since.UTC(), Until: o.notBefore.UTC(), Error: o.err})
		}
		for _, l := range o.lanes {
			if l.err != "" {
				until := l.notBefore
				if !l.down && len(l.aside) > 0 {
					until = s.due(l.aside[0])
				}
				line(Wait{Origin: o.name, URL: l.url, Lane: fmt.Sprintf("%016x", l.key), Down: l.down, Failures: max(l.failures, l.evidence), Since: l.since.UTC(), Until: until.UTC(), Error: l.err})
			}
		}
	}
	path := filepath.Join(w.dir, waitsName)
	if rename(path, b.Bytes()) == nil {
		w.changed, w.exists = false, true
	}
}

// end writes the file at the end of a run, if it has something to say or is there.
func (w *waits) end(s *schedule, now time.Time) {
	failing := false
	for _, o := range s.origins {
		failing = failing || o.failures > 0
		for _, l := range o.lanes {
			failing = failing || l.err != ""
		}
	}
	if failing || w.exists {
		w.write(s, now)
	}
}
