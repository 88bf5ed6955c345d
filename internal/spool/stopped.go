package spool

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// TakeLock is TryLock, and replaces the lock file if its holder is stopped, as by Ctrl-Z: beacons of other
// programs would wait until the holder continues. When that holder continues, it finds another lock file and
// ends its delivery. Beacons that it had under way can arrive twice, with the same key. It looks for a stopped
// holder once a second, on Linux only. The outbox must not be one of a program's pages, whose beacons only that
// program delivers.
func (o *Outbox) TakeLock() (*os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lock, looked, err := o.tryLock()
	if lock != nil || err != nil || !looked {
		return lock, err
	}
	pid, ok := Holder(o.dir)
	if !ok || !stopped(pid) {
		return nil, nil
	}
	return o.replaceLock()
}

// replaceLock puts a new lock file in the place of the old one, and returns it locked, or nil if another
// process does the same. The caller holds o.mu.
func (o *Outbox) replaceLock() (*os.File, error) {
	fresh := filepath.Join(o.dir, lockName+".new")
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_RDWR|openFlags, 0o600)
	if err != nil {
		return nil, wrap("replace lock", err)
	}
	ok, err := tryLock(f)
	if err == nil && ok {
		err = os.Rename(fresh, filepath.Join(o.dir, lockName))
	}
	if err != nil || !ok {
		f.Close()
		return nil, wrap("replace lock", err)
	}
	os.Remove(filepath.Join(o.dir, shownName)) // the stopped process has it locked
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
