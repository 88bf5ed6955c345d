//go:build !js

package beacon

import (
	"cmp"
	"errors"
	"slices"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// maxLanes bounds Status.Lanes.
const maxLanes = 1000

func (s *Sender) status() (Status, error) {
	if s.failed != nil {
		return Status{}, s.failed
	}
	return readStatus(s.dir)
}

func readStatus(dir string) (Status, error) {
	dir, err := outbox.Dir(dir)
	if err != nil {
		return Status{}, err
	}
	status := Status{Outbox: dir}
	lanes := map[string]*Lane{}
	var errs []error
	for _, folder := range outbox.Folders(dir) {
		errs = append(errs, status.add(folder, lanes))
	}
	for _, l := range lanes {
		status.Lanes = append(status.Lanes, *l)
	}
	slices.SortFunc(status.Lanes, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(b.Pending, a.Pending), cmp.Compare(a.URL, b.URL))
	})
	return status, errors.Join(errs...)
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
	if of.Held && s.PID == 0 {
		s.PID, _ = spool.Holder(dir)
	}
	if of.Pending == 0 {
		return err
	}
	waits := deliver.ReadWaits(dir)
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
