package beacon

import "time"

// Status is what an outbox holds, and what became of all that it accepted:
//
//	Accepted = Delivered + Pending + Dead
//	Dead     = Refused + Expired + Dropped + Corrupt + Purged
type Status struct {
	Outbox    string `json:"outbox"`    // the directory
	Accepted  int64  `json:"accepted"`  // beacons for which Send returned nil
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

	// Lanes has one Lane for each URL, most pending beacons first. After 1,000 URLs the others are grouped by origin.
	Lanes []Lane `json:"lanes,omitempty"`
}

// A Lane counts the pending beacons of one URL.
type Lane struct {
	URL         string    `json:"url"` // or the origin, where URLs are grouped
	Pending     int64     `json:"pending"`
	Since       time.Time `json:"since"`                 // when the oldest of them was sent
	LastError   string    `json:"last_error,omitempty"`  // of its first beacon, such as "404 Not Found"; "" before the first failure
	NextAttempt time.Time `json:"next_attempt,omitzero"` // zero if none is delayed
}

// Status returns what is in the sender's outbox, and changes nothing. The beacons of other programs and of web pages
// (package navigator) are counted too. If some files can't be read, the error names them and the numbers are without
// them.
func (s *Sender) Status() (Status, error) {
	status, err := s.status()
	return status, wrap("status", err)
}

// ReadStatus returns the status of the outbox in a directory, which is named as in [Config.Dir]. Without an outbox the
// error wraps fs.ErrNotExist.
func ReadStatus(dir string) (Status, error) {
	status, err := readStatus(dir)
	return status, wrap("status", err)
}
