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

	// youth is the age below which an empty segment is not touched. Its writer creates it before it locks it,
	// and in between the segment looks like one without a writer.
	youth = time.Minute
)

// A segment is one file of a spool as its writer holds it.
type segment struct {
	file file
	name string
	path string

	size    int64     // bytes of whole records
	count   int       // whole records
	looked  time.Time // when the file last had its name
	synced  int64     // bytes that are on disk
	syncing bool      // a sync is running
}

// segmentName returns the name of a new segment of this process. Names sort by time. The name sorts behind the
// name after even if the clock went back, because an inbox is read in the order of names.
func segmentName(now time.Time, after string) string {
	stamp := now.UTC().Format(nameTime)
	if len(after) >= len(nameTime) && stamp <= after[:len(nameTime)] {
		if t, err := time.Parse(nameTime, after[:len(nameTime)]); err == nil {
			stamp = t.Add(time.Microsecond).Format(nameTime)
		}
	}
	return newName(stamp, os.Getpid())
}

// newName returns a unique segment name with a time in the format nameTime and the id of the writer's process.
func newName(stamp string, pid int) string {
	var random [4]byte
	rand.Read(random[:])
	return fmt.Sprintf("%s-%d-%s%s", stamp, pid, hex.EncodeToString(random[:]), segmentExt)
}

// createSegment creates an empty segment and locks it. If the writer pauses in between for longer than youth,
// the segment can be deleted; the writer finds that out after its first write.
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

// Began returns when a segment was begun, by its name, or the current time if the name has no time.
func Began(name string) time.Time {
	if len(name) >= len(nameTime) {
		if t, err := time.Parse(nameTime, name[:len(nameTime)]); err == nil {
			return t
		}
	}
	return time.Now()
}
