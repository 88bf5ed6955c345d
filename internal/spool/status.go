package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Status is what an outbox holds and what became of what it held.
type Status struct {
	Dir       string
	Pending   int64 // kept, without an outcome yet
	Outcomes  Tally
	Bytes     int64     // on disk, the dead included
	Oldest    time.Time // of the pending, as is Newest
	Newest    time.Time
	Held      bool // somebody is delivering
	DeadFiles int  // files in dead/
	Forbidden time.Time
}

// Dead counts the beacons that were not delivered and never will be.
func (s Status) Dead() (n int64) {
	for o, c := range s.Outcomes {
		if o != Delivered {
			n += c
		}
	}
	return n
}

// Accepted counts all that the outbox ever took.
func (s Status) Accepted() int64 { return s.Outcomes[Delivered] + s.Dead() + s.Pending }

// maxRounds bounds how often a busy outbox is looked at again.
const maxRounds = 10

// ReadStatus looks at an outbox without touching it. A deliverer may be at work meanwhile:
// its lock is not tried, as who finds it held takes the holder for a deliverer.
//
// The error may go with numbers: it then says which segments they leave out.
func ReadStatus(dir string) (Status, error) {
	fsys := osFS{}
	for round := 0; ; round++ {
		before, err := loadTally(fsys, dir)
		if err != nil {
			return Status{}, err
		}
		s, statusErr := readStatus(fsys, dir, before)
		// A segment that was counted and deleted meanwhile changed the tally.
		after, err := loadTally(fsys, dir)
		if err != nil || fmt.Sprint(before) == fmt.Sprint(after) || round == maxRounds {
			return s, errors.Join(err, statusErr)
		}
	}
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
	f, err := fsys.Open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	l, err := loadLedger(fsys, path)
	if err != nil {
		return err
	}
	for _, o := range l.done {
		s.Outcomes[o]++
	}
	r := reader{file: f, max: outboxRecord}
	for {
		it, err := r.next(size, true)
		if err != nil {
			return nil // the end of what can be read
		}
		if _, done := l.done[keyOf(it)]; done {
			continue
		}
		s.Pending++
		if d := it.record.Date; !d.IsZero() && (s.Oldest.IsZero() || d.Before(s.Oldest)) {
			s.Oldest = d
		}
		if it.record.Date.After(s.Newest) {
			s.Newest = it.record.Date
		}
	}
}

// lockHeld tries a lock that nobody decides anything by.
func lockHeld(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := tryLock(f)
	return err == nil && !free
}
