package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Status has the numbers of an outbox: the beacons that wait, and the outcomes of all others.
type Status struct {
	Dir       string
	Pending   int64 // without an outcome
	Outcomes  Tally
	Bytes     int64     // on disk, those in dead/ included
	Oldest    time.Time // of the pending, as is Newest
	Newest    time.Time
	Held      bool // a process delivers
	DeadFiles int  // files in dead/
	Forbidden time.Time
}

// Dead returns the number of beacons whose outcome is not Delivered.
func (s Status) Dead() (n int64) {
	for o, c := range s.Outcomes {
		if o != Delivered {
			n += c
		}
	}
	return n
}

// Accepted returns the number of all beacons that the outbox accepted.
func (s Status) Accepted() int64 { return s.Outcomes[Delivered] + s.Dead() + s.Pending }

// ReadStatus reads the status of an outbox and changes nothing. A deliverer may run meanwhile. It does not try
// the lock, because a sender that found it held then would rely on a deliverer.
//
// An error that comes with numbers names the segments that they leave out.
func ReadStatus(dir string) (Status, error) {
	var s Status
	var statusErr error
	err := steady(osFS{}, dir, func(t tallyFile) bool {
		s, statusErr = readStatus(osFS{}, dir, t)
		return true
	})
	return s, errors.Join(err, statusErr)
}

func readStatus(fsys fileSystem, dir string, t tallyFile) (Status, error) {
	s := Status{Dir: dir, Outcomes: Tally{}}
	for o, n := range t.counts {
		s.Outcomes[o] += n
	}
	names, err := listSegments(fsys, dir)
	if err != nil {
		return s, err
	}
	var unread []error
	for _, name := range names {
		if t.retired[name] {
			continue
		}
		if err := s.add(fsys, filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			unread = append(unread, fmt.Errorf("%s is not counted: %w", name, err))
		}
	}
	box := &Outbox{dir: dir, fs: fsys}
	if s.Bytes, err = box.used(); err != nil {
		return s, err
	}
	dead, _ := fsys.ReadDir(filepath.Join(dir, deadName))
	for _, e := range dead {
		if info, err := e.Info(); err == nil {
			s.Bytes += info.Size()
			s.DeadFiles++
		}
	}
	s.Forbidden = TrackingForbidden(dir)
	s.Held = lockHeld(filepath.Join(dir, shownName))
	return s, errors.Join(unread...)
}

func (s *Status) add(fsys fileSystem, path string) error {
	done, _, err := unfinished(fsys, path, func(it item) bool {
		s.Pending++
		if d := it.record.Date; !d.IsZero() && (s.Oldest.IsZero() || d.Before(s.Oldest)) {
			s.Oldest = d
		}
		if it.record.Date.After(s.Newest) {
			s.Newest = it.record.Date
		}
		return true
	})
	for _, o := range done {
		s.Outcomes[o]++
	}
	return err
}

// lockHeld tries a lock that has no other use.
func lockHeld(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := tryLock(f)
	return err == nil && !free
}
