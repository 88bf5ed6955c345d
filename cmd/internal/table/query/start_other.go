//go:build !linux

package query

import "os/exec"

// neededEnv are the variables that a child gets from the parent. Windows programs don't start
// without SystemRoot.
var neededEnv = []string{"SystemRoot", "DYLD_LIBRARY_PATH", "PATH"}

// startConfined starts cmd. This system has no Landlock.
func startConfined(cmd *exec.Cmd, dir, temp string) (confined bool, err error) {
	return false, cmd.Start()
}

// resident is 0: only Linux shows it in a file.
func resident(pid int) int64 { return 0 }

// yieldAlways does nothing: only Linux has priorities of threads.
func yieldAlways(pid int) {}
