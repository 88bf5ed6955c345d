package beacon

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Status is what an outbox holds, and what became of all that it accepted:
//
//	Accepted = Delivered + Pending + Dead
//	Dead     = Refused + Expired + Dropped + Corrupt + Purged
type Status struct {
	Outbox    string `json:"outbox"`    // the directory
	Accepted  int64  `json:"accepted"`  // beacons for which Send returned true
	Delivered int64  `json:"delivered"` // the server answered 2xx
	Pending   int64  `json:"pending"`
	Dead      int64  `json:"dead"`
	Refused   int64  `json:"refused"` // the server does not want them
	Expired   int64  `json:"expired"`
	Dropped   int64  `json:"dropped"` // by the user
	Corrupt   int64  `json:"corrupt"` // damaged on disk
	Purged    int64  `json:"purged"`  // by DO_NOT_TRACK

	Bytes      int64     `json:"bytes"`                 // on disk, those in the folder dead included
	DeadFiles  int       `json:"dead_files"`            // in the folder dead
	Oldest     time.Time `json:"oldest,omitzero"`       // when the oldest pending beacon was sent
	Delivering bool      `json:"delivering"`            // a process delivers now
	PID        int       `json:"pid,omitempty"`         // of that process
	Forbidden  time.Time `json:"do_not_track,omitzero"` // when DO_NOT_TRACK was last honored

	// Lanes are the pending beacons by URL, the most first: at most 1,000, and then one for each further
	// origin.
	Lanes []Lane `json:"lanes,omitempty"`
}

// A Lane is the pending beacons of one URL.
type Lane struct {
	URL         string    `json:"url"` // of an origin alone, for the beacons of further URLs
	Pending     int64     `json:"pending"`
	Since       time.Time `json:"since"`                 // when the oldest of them was sent
	LastError   string    `json:"last_error,omitempty"`  // such as "404 Not Found" or "connection refused"; "" before the first failure
	NextAttempt time.Time `json:"next_attempt,omitzero"` // zero if none is delayed
}

// maxLanes bounds Status.Lanes.
const maxLanes = 1000

// Status returns the status of the config's outbox, and changes nothing. The config may be nil. The beacons
// of pages are counted with the others. Without an outbox the error wraps fs.ErrNotExist. An error that
// comes with numbers names the segments that they leave out.
func (c *Config) Status() (Status, error) {
	config := c.orDefault()
	if config.failed != nil {
		return Status{}, config.failed
	}
	dir := config.Outbox
	status := Status{Outbox: dir}
	lanes := map[string]*Lane{}
	err := status.add(dir, lanes)
	for _, page := range pageDirs(dir) {
		err = errors.Join(err, status.add(page, lanes))
	}
	for _, l := range lanes {
		status.Lanes = append(status.Lanes, *l)
	}
	slices.SortFunc(status.Lanes, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(a.URL, b.URL))
	})
	return status, err
}

// add adds the numbers of one folder.
func (s *Status) add(dir string, lanes map[string]*Lane) error {
	of, err := spool.ReadStatus(dir)
	if dir == s.Outbox {
		s.Forbidden = of.Forbidden
	}
	s.Accepted += of.Accepted()
	s.Delivered += of.Outcomes[spool.Delivered]
	s.Pending += of.Pending
	s.Dead += of.Dead()
	s.Refused += of.Outcomes[spool.Refused]
	s.Expired += of.Outcomes[spool.Expired]
	s.Dropped += of.Outcomes[spool.Dropped]
	s.Corrupt += of.Outcomes[spool.Corrupt]
	s.Purged += of.Outcomes[spool.Purged]
	s.Bytes += of.Bytes
	s.DeadFiles += of.DeadFiles
	if !of.Oldest.IsZero() && (s.Oldest.IsZero() || of.Oldest.Before(s.Oldest)) {
		s.Oldest = of.Oldest
	}
	s.Delivering = s.Delivering || of.Held
	if of.Pending == 0 {
		return err
	}
	waits := deliver.ReadWaits(dir)
	if of.Held && s.PID == 0 {
		s.PID, _ = spool.Holder(dir)
	}
	return errors.Join(err, spool.List(dir, false, func(l *spool.Listed) bool {
		url := l.Record.Target
		lane := lanes[url]
		if lane == nil && len(lanes) >= maxLanes {
			url = deliver.OriginOf(url)
			lane = lanes[url]
		}
		if lane == nil {
			w := waits.Of(&l.Record)
			lane = &Lane{URL: url, Since: l.Record.Date, LastError: w.Error, NextAttempt: w.Until}
			lanes[url] = lane
		}
		lane.Pending++
		if l.Record.Date.Before(lane.Since) {
			lane.Since = l.Record.Date
		}
		return true
	}))
}
