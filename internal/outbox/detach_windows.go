package outbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A lock of Windows belongs to a process and can't be inherited: the deliverer takes it when its starter has
// released it. Until then it has the file "starting" open, which it inherits. Only one process at a time can
// open that file for writing. So another process that finds the lock free meanwhile starts no second deliverer.
// It has appended its beacon, and the deliverer looks for beacons after it has taken the lock.
const (
	inheritsLock  = false
	inheritedName = "starting"
	handleVar     = "BEACON_DELIVERER_HANDLE" // the number of the inherited handle
)

// fileToInherit opens the file "starting", or returns nil if it is open elsewhere. The caller holds the lock,
// or starts a standby.
//
// The handle can be inherited until it is closed, after the start. A process that C code starts at that moment
// may inherit it; then no deliverer starts until that process ends.
func fileToInherit(dir string, _ *os.File) (*os.File, error) {
	name := filepath.Join(dir, inheritedName)
	name16, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	inherit := windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), InheritHandle: 1}
	h, err := windows.CreateFile(name16, windows.GENERIC_WRITE, windows.FILE_SHARE_READ|windows.FILE_SHARE_DELETE, &inherit, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// inheritedFile returns the file "starting" of a deliverer. Another handle that has the number by accident is
// not closed.
func inheritedFile(dir string, _ role) *os.File {
	n, err := strconv.ParseUint(os.Getenv(handleVar), 10, 64)
	if err != nil {
		return nil
	}
	given, self := windows.Handle(n), windows.CurrentProcess()
	var own windows.Handle
	if windows.DuplicateHandle(self, given, self, &own, 0, false, windows.DUPLICATE_SAME_ACCESS) != nil {
		return nil
	}
	f := os.NewFile(uintptr(own), inheritedName)
	if !isFile(f, filepath.Join(dir, inheritedName)) {
		f.Close()
		return nil
	}
	windows.CloseHandle(given)
	return f
}

// startApart starts a deliverer without a console, and outside the job of this process, if the job allows it:
// the end of a job may end its processes.
func startApart(exe string, env []string, file *os.File) (child *exec.Cmd, err error) {
	system, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return nil, os.NewSyscallError("GetSystemWindowsDirectory", err)
	}
	for _, breakaway := range []uint32{windows.CREATE_BREAKAWAY_FROM_JOB, 0} {
		child = exec.Command(exe)
		child.Args = []string{title}
		child.Env = append(env, handleVar+"="+strconv.FormatUint(uint64(file.Fd()), 10))
		child.Dir = filepath.VolumeName(system) + `\`
		child.SysProcAttr = &syscall.SysProcAttr{
			CreationFlags:              windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP | breakaway,
			AdditionalInheritedHandles: []syscall.Handle{syscall.Handle(file.Fd())},
		}
		if err = child.Start(); !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			break
		}
	}
	return child, err
}

// closeInherited has nothing to do: a deliverer inherits one handle only.
func closeInherited() {}
