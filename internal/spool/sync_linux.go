package spool

import (
	"os"
	"syscall"
)

// syncFile is fdatasync(2): it writes the data and the file's size, all that reading
// a segment back takes, and leaves out the time stamps that fsync(2) would journal.
func syncFile(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
