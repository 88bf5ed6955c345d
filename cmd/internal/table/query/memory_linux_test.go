//go:build cgo && (amd64 || arm64)

package query

import (
	"syscall"
	"testing"
)

// checkMemory checks the largest RSS of all processes that have ended.
func checkMemory(t *testing.T, memory int) {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used); err != nil {
		t.Fatal(err)
	}
	rss := used.Maxrss << 10
	t.Logf("largest RSS of a query process: %d MiB", rss>>20)
	if rss > maxResident(memory) {
		t.Errorf("a query process had an RSS of %d MiB, want at most %d", rss>>20, maxResident(memory)>>20)
	}
}
