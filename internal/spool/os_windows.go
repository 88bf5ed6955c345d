package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const openFlags = 0

// tryLock locks one byte far behind any segment's end: a lock is mandatory here, and
// must not keep a deliverer from reading a live segment.
func tryLock(f *os.File) (bool, error) {
	at := windows.Overlapped{OffsetHigh: 0x7fffffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("LockFileEx", err)
}

// A file that is open here can't lose its name.
func exists(string) bool { return true }

// NoRoom says whether a disk takes nothing at all.
func NoRoom(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_WRITE_PROTECT)
}

// Free is how many bytes the user can still write to the disk that dir is on.
func Free(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(path, &free, nil, nil)
	return int64(free), err
}

// NTFS journals directory entries, and a directory can't be opened for a sync.
func syncDir(*os.File) error { return nil }

// The directory is under the user's profile, which Windows keeps from others.
func private(string) error { return nil }
