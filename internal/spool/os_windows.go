package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const openFlags = 0

// tryLock locks one byte far behind any segment's end. A lock on Windows is mandatory, so a lock on the records
// would keep a deliverer from reading them.
func tryLock(f *os.File) (bool, error) {
	at := windows.Overlapped{OffsetHigh: 0x7fffffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("LockFileEx", err)
}

// exists returns true because an open file can't lose its name on Windows.
func exists(string) bool { return true }

// NoRoom reports whether the error means that a disk can't be written to: it is full or write-protected.
func NoRoom(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_WRITE_PROTECT)
}

// Free returns how many bytes the user can still write to the disk of dir.
func Free(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return int64(free), err
}

// syncDir does nothing: NTFS journals directory entries, and a directory can't be opened for a sync.
func syncDir(*os.File) error { return nil }

// alive reports whether a process runs.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err == nil {
		p.Release()
	}
	// Other errors, such as a denied access, are those of a process that exists.
	return !errors.Is(err, windows.ERROR_INVALID_PARAMETER)
}

// private does nothing: the directory is under the user's profile, which Windows protects from others.
func private(string) error { return nil }

// isOpen reports whether a file could not be deleted because another process has it open.
func isOpen(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
