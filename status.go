package beacon

import (
	"errors"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Status is what an outbox holds, and what became of all that it ever took:
//
//	Accepted = Delivered + Pending + Dead
//	Dead     = Refused + Expired + Corrupt + Purged
type Status struct {
	Outbox    string `json:"outbox"`    // the directory
	Accepted  int64  `json:"accepted"`  // beacons of which Send returned true
	Delivered int64  `json:"delivered"` // the server answered 2xx
	Pending   int64  `json:"pending"`
	Dead      int64  `json:"dead"`
	Refused   int64  `json:"refused"` // the server does not want them
	Expired   int64  `json:"expired"`
	Corrupt   int64  `json:"corrupt"` // damaged on disk
	Purged    int64  `json:"purged"`  // by DO_NOT_TRACK

	Bytes      int64     `json:"bytes"`                 // on disk, the dead included
	DeadFiles  int       `json:"dead_files"`            // in the folder dead
	Oldest     time.Time `json:"oldest,omitzero"`       // when the oldest pending beacon was queued
	Delivering bool      `json:"delivering"`            // somebody delivers right now
	Forbidden  time.Time `json:"do_not_track,omitzero"` // when DO_NOT_TRACK was last heeded
}

// Status looks at the outbox of the config, which may be nil, without touching it; the
// beacons of pages are counted with the others. The
// error wraps fs.ErrNotExist where there is no outbox yet; one that goes with numbers says
// which segments they leave out.
func (c *Config) Status() (Status, error) {
	dir := c.orDefault().Outbox
	s, err := spool.ReadStatus(dir)
	status := Status{Outbox: dir, Forbidden: s.Forbidden}
	status.add(s)
	for _, page := range pageDirs(dir) {
		s, pageErr := spool.ReadStatus(page)
		status.add(s)
		err = errors.Join(err, pageErr)
	}
	return status, err
}

func (s *Status) add(of spool.Status) {
	s.Accepted += of.Accepted()
	s.Delivered += of.Outcomes[spool.Delivered]
	s.Pending += of.Pending
	s.Dead += of.Dead()
	s.Refused += of.Outcomes[spool.Refused]
	s.Expired += of.Outcomes[spool.Expired]
	s.Corrupt += of.Outcomes[spool.Corrupt]
	s.Purged += of.Outcomes[spool.Purged]
	s.Bytes += of.Bytes
	s.DeadFiles += of.DeadFiles
	if !of.Oldest.IsZero() && (s.Oldest.IsZero() || of.Oldest.Before(s.Oldest)) {
		s.Oldest = of.Oldest
	}
	s.Delivering = s.Delivering || of.Held
}
