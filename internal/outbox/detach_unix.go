//go:build unix

package outbox

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A deliverer inherits the open lock file as lockFD. The lock belongs to the open file, so it passes to the
// deliverer.
const (
	inheritsLock  = true
	inheritedName = "lock"
	lockFD        = 3
)

func fileToInherit(_ string, lock *os.File) (*os.File, error) { return lock, nil }

// inheritedFile returns the file lockFD of a deliverer: a file that this process has locked, or as a standby
// will lock. It can't be compared with the outbox's, which may have been deleted: then the deliverer must end
// and not run as the program.
func inheritedFile(_ string, as role) *os.File {
	var st unix.Stat_t
	if unix.Fstat(lockFD, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG ||
		as != roleStandby && unix.Flock(lockFD, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	unix.CloseOnExec(lockFD)
	return os.NewFile(lockFD, inheritedName)
}

// startApart starts a deliverer in a session of its own.
func startApart(exe string, env []string, lock *os.File) (*exec.Cmd, error) {
	child := exec.Command(exe)
	child.Args = []string{title}
	child.Env = env
	child.Dir = "/"
	child.ExtraFiles = []*os.File{lock}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return child, child.Start()
}

// closeInherited closes the files that the program had inherited itself, such as a pipe that a shell opened.
// Files that the Go runtime opened have the flag FD_CLOEXEC, and inherited ones do not have it.
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
