package beacon

import (
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

// Status looks at the outbox of the config, which may be nil, without touching it. The
// error wraps fs.ErrNotExist where there is no outbox yet; one that goes with numbers says
// which segments they leave out.
func (c *Config) Status() (Status, error) {
	dir := c.orDefault().Outbox
	s, err := spool.ReadStatus(dir)
	return Status{
		Outbox: dir, Accepted: s.Accepted(), Delivered: s.Outcomes[spool.Delivered], Pending: s.Pending, Dead: s.Dead(),
		Refused: s.Outcomes[spool.Refused], Expired: s.Outcomes[spool.Expired], Corrupt: s.Outcomes[spool.Corrupt], Purged: s.Outcomes[spool.Purged],
		Bytes: s.Bytes, DeadFiles: s.DeadFiles, Oldest: s.Oldest, Delivering: s.Held, Forbidden: s.Forbidden,
	}, err
}
