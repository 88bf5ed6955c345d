//go:build !js

package outbox

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// startStandby starts the standby of this process, which delivers the beacons of its pages. A standby is a
// deliverer that waits for the lock, which the kernel frees when this process dies. It ends like any
// deliverer, when no beacon has waited for some seconds. Then startStandby calls ended.
func startStandby(dir string, ended func(failed error)) error {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer lock.Close()
	return startDeliverer(roleStandby, dir, lock, ended)
}

// startDeliverer starts a deliverer, unless one is being started that has not taken the lock yet. The caller
// holds the lock, and releases it when startDeliverer has returned. When the deliverer has ended, ended is
// called, with an error if it did not end by itself.
//
// No signal for this process reaches the deliverer: not one of a terminal, a console or a process group. It has
// none of this process's files open, or the reader of a pipe would wait for it. It works in the root directory,
// so that this process's directory can be removed.
func startDeliverer(as role, dir string, lock *os.File, ended func(failed error)) error {
	file, err := fileToInherit(dir, lock)
	if err != nil {
		return err
	}
	if file == nil {
		time.AfterFunc(delivererIdle, func() { ended(nil) })
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
	env := slices.Concat(os.Environ(), program().Variables(), []string{roleVar + "=" + roleFormat + " " + string(as) + " " + dir})
	child, err := startApart(exe, env, file)
	if err != nil {
		return err
	}
	go func() { ended(child.Wait()) }() // without Wait it would be a zombie until this process ends
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
