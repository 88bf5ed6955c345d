//go:build unix

package beacon

import (
	"context"
	"os"
	"path/filepath"
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

	// wayToStart is how long the program may take until it calls Start.
	wayToStart = 10 * time.Second
)

var (
	deliversFor = os.Getenv(delivererVar)
	// isDeliverer also keeps a deliverer from starting another, should the program send
	// beacons before it comes to Start. Who has the variable by some accident has no lock
	// file open.
	isHeir      = os.Getenv(heirVar) != ""
	isDeliverer = deliversFor != "" && lockInherited()
	onTheWay    *time.Timer
)

// What the program does before Start it does as the holder of the lock, too: what it
// starts there must not have the lock or take itself for a deliverer, and if it hangs
// there, it ends.
func init() {
	if isDeliverer {
		os.Unsetenv(delivererVar)
		os.Unsetenv(heirVar)
		unix.CloseOnExec(lockFD)
		onTheWay = time.AfterFunc(wayToStart, func() { os.Exit(1) })
	}
}

// lockInherited says whether what is open as lockFD is a file whose lock is ours, or will be.
func lockInherited() bool {
	var st unix.Stat_t
	return unix.Fstat(lockFD, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && (isHeir || unix.Flock(lockFD, unix.LOCK_EX|unix.LOCK_NB) == nil)
}

// runDeliverer is the main of a deliverer.
func runDeliverer() {
	onTheWay.Stop()
	dir := deliversFor
	closeInherited()
	debug.SetMemoryLimit(delivererMemory)
	if isHeir && !awaitInheritance(dir) {
		return
	}
	box, lock := inherited(dir)
	if lock == nil {
		return // the outbox was deleted meanwhile
	}
	patience, err := time.ParseDuration(os.Getenv(patienceVar))
	if err != nil {
		patience = new(Config).orDefault().Patience
	}
	ctx, cancel := context.WithTimeout(context.Background(), delivererLifetime)
	defer cancel()
	alive := sync.OnceFunc(func() { cameToSomething(dir) })
	deliver.Drain(ctx, box, lock, deliver.Deliverer{
		Fetch: deliver.NewClient(nil).Do, Idle: delivererIdle, Patience: patience, OnAttempt: alive,
		Log: silent, Program: program(),
	})
	if ctx.Err() == nil {
		return // what is left is for the next run
	}
	if lock, err := box.TryLock(); err == nil && lock != nil {
		detach(dir, lock, patience)
	}
}

// cameToSomething forgets the starts of deliverers that did not.
func cameToSomething(dir string) {
	if f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0); err == nil {
		forgetStarts(f)
		f.Close()
	}
}

// inherited is the outbox whose lock was handed down, or nil if it is another one by now.
func inherited(dir string) (*spool.Outbox, *os.File) {
	f := os.NewFile(lockFD, "lock")
	ours, err := f.Stat()
	if err != nil {
		return nil, nil
	}
	theirs, err := os.Stat(filepath.Join(dir, "lock"))
	if err != nil || !os.SameFile(ours, theirs) {
		return nil, nil
	}
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return nil, nil
	}
	return box, f
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
}
