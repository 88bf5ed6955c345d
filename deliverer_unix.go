//go:build unix

package beacon

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// A deliverer with nothing to do ends, one that reaches nobody too (its patience),
	// and one that has lived for long is replaced.
	delivererIdle     = 5 * time.Second
	delivererLifetime = time.Hour
	delivererMemory   = 32 << 20 // what the garbage collector aims at, in bytes
)

// runDeliverer is the main of a deliverer.
func runDeliverer(dir string) {
	closeInherited()
	debug.SetMemoryLimit(delivererMemory)
	patience, err := time.ParseDuration(os.Getenv(patienceVar))
	if err != nil {
		patience = new(Config).orDefault().Patience
	}
	for lock := os.NewFile(lockFD, "lock"); lock != nil; lock = lockAgain(dir) {
		ctx, cancel := context.WithTimeout(context.Background(), delivererLifetime)
		alive := sync.OnceFunc(func() { writeStarts(lock, 0, time.Now()) })
		left, err := deliver.Drain(ctx, dir, lock, nil, deliver.Deliverer{
			Idle: delivererIdle, Patience: patience, OnAnswer: alive, Log: slog.New(slog.DiscardHandler),
		})
		old := ctx.Err() != nil
		cancel()
		switch {
		case err != nil || left && !old:
			return // for the next run
		case old:
			if lock := lockAgain(dir); lock != nil {
				detach(dir, lock, patience)
			}
			return
		}
		// The lock is given up now. Who appended before that saw it held, and counts on
		// us; who comes later finds it free.
		if status, err := spool.ReadStatus(dir); err != nil || status.Pending == 0 {
			return
		}
	}
}

// lockAgain returns nil where somebody else delivers by now.
func lockAgain(dir string) *os.File {
	box, err := spool.OpenOutbox(dir, spool.OutboxOptions{})
	if err != nil {
		return nil
	}
	defer box.Close()
	lock, err := box.TryLock()
	if err != nil {
		return nil
	}
	return lock
}

// closeInherited closes what the program had inherited itself, such as a pipe that a
// shell opened: its reader would wait for us. What the Go runtime opened is marked to be
// closed on exec, and what is not so marked has come down to us.
func closeInherited() {
	fds, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, fd := range fds {
		n, err := strconv.Atoi(fd.Name())
		if err != nil || n <= lockFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(n)
		}
	}
	unix.CloseOnExec(lockFD)
}
