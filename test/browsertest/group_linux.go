package browsertest

import "syscall"

// ownGroup starts a process in a process group of its own, so that Ctrl-C in the terminal doesn't reach
// it. The kernel kills it if the test's process dies without its cleanup.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
