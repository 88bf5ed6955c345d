package beacon

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
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

// detach starts this executable as the deliverer of an outbox. The caller holds the lock, and releases it when
// detach has returned.
func detach(dir string, lock *os.File, patience time.Duration) error {
	return startDeliverer(dir, lock, patience, nil, func() {})
}

// startStandby starts the standby of this process, which delivers the beacons of its pages. A standby is a
// deliverer that waits for the lock, which the kernel frees when this process dies. It ends like any
// deliverer, when no beacon has waited for some seconds. Then startStandby calls ended.
func startStandby(dir string, patience time.Duration, ended func()) error {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	return startDeliverer(dir, lock, patience, []string{standbyVar + "=1"}, ended)
}

// startDeliverer starts a deliverer, unless one is being started that has not taken the lock yet. It calls
// ended when the deliverer has ended.
//
// No signal for this process reaches the deliverer: not one of a terminal, a console or a process group. It has
// none of this process's files open, or the reader of a pipe would wait for it. It works in the root directory,
// so that this process's directory can be removed.
func startDeliverer(dir string, lock *os.File, patience time.Duration, env []string, ended func()) error {
	file, err := fileToInherit(dir, lock)
	if err != nil {
		return err
	}
	if file == nil {
		time.AfterFunc(delivererIdle, ended)
		return nil
	}
	if file != lock {
		defer file.Close()
	}
	if err := countStart(lock, time.Now()); err != nil {
		return err
	}
	exe, err := executable()
	if err != nil {
		return err
	}
	env = slices.Concat(os.Environ(), program().Variables(), env, []string{delivererVar + "=" + dir, patienceVar + "=" + patience.String()})
	child, err := startApart(exe, env, file)
	if err != nil {
		return err
	}
	go func() {
		child.Wait() // or it would be a zombie until this process ends
		ended()
	}()
	return nil
}

// executable returns the file that this process runs. Linux can start it after it was replaced or deleted,
// by a name that says little in a list of processes.
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
