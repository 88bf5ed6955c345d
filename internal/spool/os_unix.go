//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// A link to elsewhere is not followed, and a pipe that somebody put in a file's place not
// waited for.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// tryLock is flock(2) on the very descriptor that is written, so that lock and file
// can't come to be about two different inodes, as they can where a lock is taken by
// path.
func tryLock(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
		case nil:
			return true, nil
		case syscall.EWOULDBLOCK:
			return false, nil
		case syscall.EINTR:
		default:
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// exists is access(2) and not stat(2): a file whose times somebody has asked for gets
// new ones with the next write, and that goes through the file system's journal.
func exists(name string) bool {
	err := syscall.Access(name, 0)
	return err != syscall.ENOENT && err != syscall.ENOTDIR
}

// NoRoom says whether a disk takes nothing at all.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

func syncDir(d *os.File) error { return d.Sync() }

// private makes sure that the directory is the user's own and nobody else's to read.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s is a link: name the directory itself", dir)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("no owner known of " + dir)
	}
	if int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d, not to you (%d): name another directory", dir, st.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	// An outbox or inbox of ours, or a directory to become one, is made private; one in
	// which other things are is somebody's for another purpose.
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName {
			entries = nil
			break
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is open to others and has other things in it: name a directory for beacons alone", dir)
	}
	return os.Chmod(dir, 0o700)
}
