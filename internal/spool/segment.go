package spool

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"
)

const (
	nameTime = "20060102T150405.000000Z"

	// youth is how long an empty segment is left alone: between its making and its lock
	// it looks like one whose writer is gone.
	youth = time.Minute
)

// A segment is one file of a spool as its writer holds it.
type segment struct {
	file file
	name string
	path string
	size int64 // bytes of whole records in it
	// count is how many those are, and looked when the file was last seen to be there.
	count  int
	looked time.Time
	// synced is how many bytes are known to be on disk, and syncing whether more are under way.
	synced  int64
	syncing bool
}

// segmentName sorts by time. It comes after the name `after`, whatever the clock says,
// because an inbox is read in the order of its names.
func segmentName(now time.Time, after string) string {
	stamp := now.UTC().Format(nameTime)
	if len(after) >= len(nameTime) && stamp <= after[:len(nameTime)] {
		if t, err := time.Parse(nameTime, after[:len(nameTime)]); err == nil {
			stamp = t.Add(time.Microsecond).Format(nameTime)
		}
	}
	var random [4]byte
	rand.Read(random[:])
	return fmt.Sprintf("%s-%d-%s%s", stamp, os.Getpid(), hex.EncodeToString(random[:]), segmentExt)
}

// createSegment makes an empty segment and locks it. A writer that is held up in between
// for longer than the segment's youth finds it deleted when it has written to it.
func createSegment(fsys fileSystem, dir, name string) (*segment, error) {
	path := filepath.Join(dir, name)
	f, err := fsys.Open(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	locked, err := f.TryLock()
	if err == nil && !locked {
		err = errors.New("lock is held by another process")
	}
	if err != nil {
		f.Close()
		fsys.Remove(path)
		return nil, err
	}
	return &segment{file: f, name: name, path: path}, nil
}

// listSegments returns the names of the segments in dir, oldest first.
func listSegments(fsys fileSystem, dir string) ([]string, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if isSegment(e.Name()) && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// Began is when a segment was begun, which its name says; where it doesn't, now.
func Began(name string) time.Time {
	if len(name) >= len(nameTime) {
		if t, err := time.Parse(nameTime, name[:len(nameTime)]); err == nil {
			return t
		}
	}
	return time.Now()
}
