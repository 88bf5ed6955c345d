package spool

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stoppedPause is the time between two looks whether the lock's holder is stopped.
const stoppedPause = time.Second

// replaceLock puts a new lock file in the place of one whose holder is stopped, as by Ctrl-Z, and returns it
// locked, or nil. Beacons of other programs would wait until the holder continues. When that holder
// continues, it finds another lock file and ends its delivery. Beacons that it had under way can arrive twice,
// with the same key.
// The caller holds o.mu.
func (o *Outbox) replaceLock() (*os.File, error) {
	if now := time.Now(); now.Sub(o.stoppedAt) < stoppedPause {
		return nil, nil
	} else {
		o.stoppedAt = now
	}
	pid, ok := Holder(o.dir)
	if !ok || !stopped(pid) {
		return nil, nil
	}
	fresh := filepath.Join(o.dir, lockName+".new")
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_RDWR|openFlags, 0o600)
	if err != nil {
		return nil, wrap("replace lock", err)
	}
	ok, err = tryLock(f)
	if err == nil && ok {
		err = os.Rename(fresh, filepath.Join(o.dir, lockName))
	}
	if err != nil || !ok { // another process does the same
		f.Close()
		return nil, wrap("replace lock", err)
	}
	o.lock.Close()
	o.lock = nil
	return f, nil
}

// Holder returns the id of the process that delivers from the outbox in dir, or that did so last.
func Holder(dir string) (pid int, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, shownName))
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return pid, err == nil
}
