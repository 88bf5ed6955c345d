package deliver

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// ReportField means that the beacon's program wants its servers to know about its losses.
	ReportField = "Beacon-Report-Loss"
	// LostHeader is the request's header that reports losses: a Dictionary of RFC 9651, such as
	// "expired=3, dropped=1".
	LostHeader = "Beacon-Lost"

	// lostName is the file of an outbox with the losses that are not reported yet. It is renamed into place
	// without an fsync: a power cut can lose a number, and a kill can have it reported twice.
	lostName = "lost"
	lostMost = 4096 // origins in it
)

// A loss is how many beacons for an origin were given up since the last report.
type loss struct {
	Expired int64 `json:"expired,omitempty"`
	Dropped int64 `json:"dropped,omitempty"`
}

// lost has the losses of an outbox by origin.
type lost struct {
	path    string
	origins map[string]loss
	changed bool
}

func loadLost(dir string) *lost {
	l := &lost{path: filepath.Join(dir, lostName)}
	if text, err := os.ReadFile(l.path); err == nil {
		json.Unmarshal(text, &l.origins) // a damaged file has no numbers
	}
	if l.origins == nil {
		l.origins = map[string]loss{}
	}
	return l
}

// add counts a beacon, if its program reports losses.
func (l *lost) add(r *warc.Record, o spool.Outcome) {
	origin := OriginOf(r.Target)
	n, known := l.origins[origin]
	if r.Extra.Get(ReportField) == "" || !known && len(l.origins) == lostMost {
		return
	}
	if o == spool.Expired {
		n.Expired++
	} else {
		n.Dropped++
	}
	l.origins[strings.Clone(origin)] = n
	l.changed = true
}

// report returns the losses that an attempt reports: none while another one does.
func (l *lost) report(a *attempt) loss {
	o := a.lane.origin
	n := l.origins[o.name]
	if n == (loss{}) || o.reporting || a.record.Extra.Get(ReportField) == "" {
		return loss{}
	}
	o.reporting = true
	return n
}

// reported notes the end of an attempt: a server that took the beacon knows the losses.
func (l *lost) reported(a *attempt, taken bool) {
	if a.reports == (loss{}) {
		return
	}
	o := a.lane.origin
	o.reporting = false
	if !taken {
		return
	}
	n := l.origins[o.name]
	n.Expired -= a.reports.Expired
	n.Dropped -= a.reports.Dropped
	if l.origins[o.name] = n; n == (loss{}) {
		delete(l.origins, o.name)
	}
	l.changed = true
}

// header returns the value of LostHeader.
func (n loss) header() string {
	var parts []string
	if n.Expired > 0 {
		parts = append(parts, fmt.Sprintf("expired=%d", n.Expired))
	}
	if n.Dropped > 0 {
		parts = append(parts, fmt.Sprintf("dropped=%d", n.Dropped))
	}
	return strings.Join(parts, ", ")
}

// save writes the file, if a number has changed.
func (l *lost) save() {
	if !l.changed {
		return
	}
	if len(l.origins) == 0 {
		l.changed = os.Remove(l.path) != nil
		return
	}
	text, _ := json.Marshal(l.origins)
	l.changed = rename(l.path, text) != nil // it is written again later
}

// rename puts a file in its place in one step, without an fsync.
func rename(path string, text []byte) error {
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}
