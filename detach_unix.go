//go:build unix

package beacon

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

const (
	// The variables that make of a process a deliverer: the outbox, and the patience.
	// What it inherits as lockFD is the outbox's lock.
	delivererVar = "BEACON_DELIVERER"
	patienceVar  = "BEACON_DELIVERER_PATIENCE"
	lockFD       = 3
)

var started bool

func canDetach() bool { return started }

func startDetached() {
	if isDeliverer {
		runDeliverer()
		os.Exit(0)
	}
	started = true
	deliverLeft()
}

// detach starts this executable as the deliverer of an outbox and hands it the lock.
func detach(dir string, lock *os.File, patience time.Duration) error {
	return startDeliverer(dir, lock, patience, nil, func() {})
}

// startDeliverer starts a deliverer in a session of its own, so that no terminal and no
// signal to a process group reaches it; with nothing of ours open, so that nobody waits for
// it; and in the root directory, so that ours can be removed.
func startDeliverer(dir string, lock *os.File, patience time.Duration, env []string, ended func()) error {
	if err := countStart(lock, time.Now()); err != nil {
		return err
	}
	exe, err := executable()
	if err != nil {
		return err
	}
	child := exec.Command(exe)
	child.Args = os.Args[:1]
	child.Env = slices.Concat(os.Environ(), program().Variables(), env, []string{delivererVar + "=" + dir, patienceVar + "=" + patience.String()})
	child.Dir = "/"
	child.ExtraFiles = []*os.File{lock}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	go func() {
		child.Wait() // so that it leaves no zombie while we live
		ended()
	}()
	return nil
}

// executable is the file that this process runs. On Linux that can still be started when
// it was replaced or deleted, if by a name that says nothing in a list of processes.
func executable() (string, error) {
	exe, err := os.Executable()
	if runtime.GOOS != "linux" {
		return exe, err
	}
	const self = "/proc/self/exe"
	named, err := os.Stat(exe)
	if err != nil {
		return self, nil
	}
	running, err := os.Stat(self)
	if err != nil || !os.SameFile(named, running) {
		return self, nil
	}
	return exe, nil
}
