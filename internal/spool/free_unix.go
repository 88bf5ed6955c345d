//go:build linux || darwin || freebsd

package spool

import "golang.org/x/sys/unix"

// Free is how many bytes an ordinary user can still write to the disk that dir is on.
func Free(dir string) (int64, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	return int64(st.Bavail) * int64(st.Bsize), err
}
