package spool

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// KeepAtMost sets how many bytes of segments that every sink is past stay for an export,
// instead of 1 GiB.
func (in *Inbox) KeepAtMost(bytes int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.keep = bytes
}

// Forget deletes the segments that lie wholly before c and in which all was kept longer than
// age ago, and returns how many it were. For that a segment ends when a hundredth of the age
// has passed since it began.
func (in *Inbox) Forget(now time.Time, age time.Duration, c Cursor) (deleted int, err error) {
	c = in.passed(c)
	names, err := listSegments(in.fs, in.dir)
	if err != nil || len(names) == 0 {
		return 0, wrap("forget segments", err)
	}
	if newest := names[len(names)-1]; now.Sub(Began(newest)) > age/100 {
		if err := in.endSegment(now, newest); err != nil {
			return 0, wrap("forget segments", err)
		}
		if names, err = listSegments(in.fs, in.dir); err != nil {
			return 0, wrap("forget segments", err)
		}
	}
	for i, name := range names[:len(names)-1] {
		// What is in a segment was there before the next one began.
		if name >= c.Segment || now.Sub(Began(names[i+1])) <= age {
			break
		}
		switch err := in.fs.Remove(filepath.Join(in.dir, name)); {
		case err == nil:
			deleted++
		case !errors.Is(err, fs.ErrNotExist): // else Trim was first
			return deleted, wrap("forget segments", err)
		}
	}
	return deleted, nil
}

// endSegment ends the newest segment and puts an empty one behind it: the newest is never
// deleted, and says when the one before it ended.
func (in *Inbox) endSegment(now time.Time, newest string) error {
	if size, err := in.limit(newest); err != nil || size == 0 {
		return err
	}
	w := in.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.finish(); err != nil {
		return err
	}
	if w.closed || w.current != nil || w.last > newest {
		return nil // somebody has begun the next one meanwhile
	}
	s, err := createSegment(in.fs, in.dir, segmentName(now, w.last))
	if err != nil {
		return err
	}
	w.last = s.name
	if err := s.file.Close(); err != nil {
		return err
	}
	return in.fs.SyncDir(in.dir)
}
