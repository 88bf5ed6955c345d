//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// keepPrivate makes all files that the process creates readable by its user only, those of the query
// engine included.
func keepPrivate() { syscall.Umask(0o077) }

// checkOwner refuses a data folder of another user in a folder where every user may create files, such as
// /tmp: that user could have written the operators' token.
func checkOwner(data string) error {
	parent, err := os.Stat(filepath.Dir(filepath.Clean(data)))
	if err != nil || parent.Mode().Perm()&0o002 == 0 {
		return nil
	}
	folder, err := os.Lstat(data)
	if err != nil {
		return nil
	}
	if st, ok := folder.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("the data folder %s belongs to another user, who may know its operators' token: choose another one with --data", data)
	}
	return nil
}
