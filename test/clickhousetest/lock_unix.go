//go:build unix

package clickhousetest

import (
	"os"
	"syscall"
	"testing"
)

// lockFolder makes a folder and keeps other processes from installing into it until the returned function is called.
func lockFolder(t testing.TB, dir string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dir)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}
