package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The file do-not-track says by its time of change since when the user does not want to
// be tracked: what was kept until then, by a program that honours that, is purged.
const doNotTrackName = "do-not-track"

// ForbidTracking marks the outbox in dir, if there is one.
func ForbidTracking(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(dir, doNotTrackName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|openFlags, 0o600)
	if err != nil {
		return wrap("mark outbox", err)
	}
	f.Close()
	// Said, because a file system's own clock may be some milliseconds behind.
	now := time.Now()
	return wrap("mark outbox", os.Chtimes(path, now, now))
}

// TrackingForbidden returns since when the outbox in dir is marked, or the zero time.
func TrackingForbidden(dir string) time.Time {
	info, err := os.Lstat(filepath.Join(dir, doNotTrackName))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
