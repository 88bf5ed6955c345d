// Package proctest has what tests of processes share: programs that a test needs, directories that outlive a test,
// waiting for a condition, and a buffer for the output of several goroutines.
package proctest

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// OutboxDir returns a directory that is not the test's TempDir, because a deliverer may outlive the test. The
// directory does not exist. Windows deletes no open files and does not rename their directory: there its parent
// remains.
func OutboxDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "beacon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if old := dir + "-old"; os.Rename(dir, old) == nil {
			os.RemoveAll(old)
		}
	})
	return filepath.Join(dir, "outbox")
}

// Needs skips the test if found is false, and fails it instead if the environment has CI=true. What is the name of the
// missing program or file, such as "Chromium".
func Needs(t testing.TB, what string, found bool) {
	t.Helper()
	switch {
	case found:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing; scripts/install-tools installs the tools of the tests", what)
	default:
		t.Skipf("%s is missing; scripts/install-tools installs the tools of the tests", what)
	}
}

// waitMost is how long Eventually waits.
const waitMost = 30 * time.Second

// Eventually calls check until it returns nil. After half a minute the test fails with the last error.
func Eventually(t testing.TB, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(waitMost); ; time.Sleep(5 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %v", waitMost, err)
		}
	}
}

// A Buffer is a [bytes.Buffer] that several goroutines can write to and read.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
