package spool

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// Oldest is when the oldest segment was begun, or the zero time if the inbox is empty.
func (in *Inbox) Oldest() time.Time {
	names, err := listSegments(in.fs, in.dir)
	if err != nil || len(names) == 0 {
		return time.Time{}
	}
	return Began(names[0])
}

// Erase deletes the segments that have an item which match chooses. Only segments that lie wholly
// before c are looked at, and the one that c is at the end of: it is ended first.
func (in *Inbox) Erase(c Cursor, match func(Item) bool) error {
	c = in.passed(c)
	names, err := listSegments(in.fs, in.dir)
	if err != nil || len(names) == 0 {
		return wrap("erase from inbox", err)
	}
	if newest := names[len(names)-1]; newest <= c.Segment {
		if err := in.endSegment(time.Now(), newest); err != nil {
			return wrap("erase from inbox", err)
		}
	}
	for _, name := range names {
		if name > c.Segment {
			break
		}
		if name == c.Segment {
			if size, err := in.limit(name); err != nil || size > c.Offset {
				return wrap("erase from inbox", err)
			}
		}
		found, err := in.has(name, match)
		if err == nil && found {
			err = in.fs.Remove(filepath.Join(in.dir, name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be trimmed meanwhile
			return wrap("erase from inbox", err)
		}
	}
	return wrap("erase from inbox", in.fs.SyncDir(in.dir))
}

// has reports whether match chooses an item of the segment, which has ended.
func (in *Inbox) has(name string, match func(Item) bool) (bool, error) {
	r := in.Reader(Cursor{Segment: name})
	defer r.Close()
	for {
		it, err := r.TryNext()
		if err == io.EOF || err == nil && it.At.Segment != name {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if match(it) {
			return true, nil
		}
	}
}
