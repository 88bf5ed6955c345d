//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openFlags refuses links, and does not wait for the other end of a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// tryLock is flock(2) on the descriptor that is written. A lock by path could be on another inode than the file
// that is open.
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

// exists uses access(2) because stat(2) makes the next write slower: the write then updates the file's times
// through the file system's journal.
func exists(name string) bool {
	err := syscall.Access(name, 0)
	return err != syscall.ENOENT && err != syscall.ENOTDIR
}

// NoRoom reports whether the error means that a disk can't be written to: it is full or read-only.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// isOpen reports whether a file could not be deleted because another process has it open.
func isOpen(error) bool { return false }

func syncDir(d *os.File) error { return d.Sync() }

// alive reports whether a process runs. A process that has ended counts until its parent has waited for it.
func alive(pid int) bool {
	// To kill(2), 0 and less are groups of processes.
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// private checks that the directory belongs to the user and makes it unreadable for others.
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
	// Only an empty directory and one that is a spool already are made private. Any other one has another
	// purpose.
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
