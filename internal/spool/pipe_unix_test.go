//go:build unix

package spool

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestAPipeInAFilesPlaceIsNotWaitedFor(t *testing.T) {
	for _, name := range []string{lockName, tallyName, shownName, "x" + segmentExt, "x" + ledgerExt} {
		box := newOutbox(t)
		if err := syscall.Mkfifo(filepath.Join(box.Dir(), name), 0o600); err != nil {
			t.Fatal(err)
		}
		appendAll(t, box, "kept")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			ReadStatus(box.Dir())
			if lock, err := box.TryLock(); err == nil && lock != nil {
				if c, err := box.Claim(lock); err == nil {
					c.Scan(func(Entry, *warc.Record) bool { return true })
					c.Release()
				}
			}
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("a pipe at %s is waited for", name)
		}
	}
}
