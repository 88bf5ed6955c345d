//go:build unix

package beacon

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// The variable that makes of a process a deliverer; its value is the outbox. What
	// it inherits as lockFD is the outbox's lock.
	delivererVar = "BEACON_DELIVERER"
	lockFD       = 3

	detachedIdle     = 5 * time.Second
	detachedPatience = 10 * time.Minute
	detachedMemory   = 48 << 20
)

// isDeliverer also keeps a deliverer from starting another, should the program send
// beacons before it comes to Start.
var isDeliverer = os.Getenv(delivererVar) != ""

var started bool

func canDetach() bool { return started }

func startDetached() {
	if dir := os.Getenv(delivererVar); dir != "" {
		runDetached(dir)
		os.Exit(0)
	}
	started = true
	config := (*Config)(nil).orDefault()
	if config.InProcess {
		return
	}
	// What earlier runs left; a program that never sends starts nothing.
	if status, err := spool.ReadStatus(config.Outbox); err == nil && status.Pending > 0 && !status.Held {
		if box, err := openOutbox(&config); err == nil {
			box.deliverDetached()
		}
	}
}

// detach starts this executable as the deliverer of an outbox and hands it the lock: in
// a session of its own, so that no terminal and no signal to a process group reaches it;
// with nothing of ours open, so that nobody waits for it; and in the root directory, so
// that ours can be removed.
func detach(dir string, lock *os.File) error {
	exe, err := os.Executable()
	if runtime.GOOS == "linux" {
		// Still this very program when its file was replaced or deleted.
		exe, err = "/proc/self/exe", nil
	}
	if err != nil {
		return err
	}
	child := exec.Command(exe)
	child.Args = os.Args[:1]
	child.Env = append(os.Environ(), delivererVar+"="+dir)
	child.Dir = "/"
	child.ExtraFiles = []*os.File{lock}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	go child.Wait() // so that it leaves no zombie while we live
	return nil
}

// runDetached is the deliverer's main.
func runDetached(dir string) {
	closeInherited()
	debug.SetMemoryLimit(detachedMemory)
	lock := os.NewFile(lockFD, "lock")
	for {
		left, err := deliver.Drain(context.Background(), dir, lock, deliver.Deliverer{
			Idle: detachedIdle, Patience: detachedPatience, Log: slog.New(slog.DiscardHandler),
		})
		if left || err != nil {
			return // for the next run
		}
		// The lock is given up; who appended before that saw it held, and counts on us.
		if status, err := spool.ReadStatus(dir); err != nil || status.Pending == 0 {
			return
		}
		box, err := spool.OpenOutbox(dir, spool.OutboxOptions{})
		if err != nil {
			return
		}
		lock, err = box.TryLock()
		box.Close()
		if err != nil || lock == nil {
			return // somebody else delivers now
		}
	}
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
		var n int
		for _, c := range fd.Name() {
			n = 10*n + int(c-'0')
		}
		if n <= lockFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(n)
		}
	}
	unix.CloseOnExec(lockFD)
}
