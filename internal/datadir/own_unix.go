//go:build unix

package datadir

import (
	"fmt"
	"os"
	"syscall"
)

// checkOwn returns an error if a home does not exist or belongs to another user.
func checkOwn(home string) error {
	info, err := os.Stat(home)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", home)
	}
	return nil
}
