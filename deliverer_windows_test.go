package beacon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"golang.org/x/sys/windows"
)

// ends are the ways in which the program can end after Send.
var ends = []string{"exit", "panic", "killed", "job ends", "job without breakaway"}

// processGroup also gives the program a console, which must not be its deliverer's.
var processGroup = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}

// prepare puts the program into a job, whose only handle closes when it ends.
func prepare(end string) {
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	switch end {
	case "job ends":
		limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK
	case "job without breakaway":
	case "check":
		if detached() {
			os.Exit(3) // a test would not see that the deliverer has none
		}
		return
	default:
		return
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err == nil {
		_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	}
	if err == nil {
		err = windows.AssignProcessToJobObject(job, windows.CurrentProcess())
	}
	if err != nil {
		os.Exit(3)
	}
}

func kill(string) { windows.TerminateProcess(windows.CurrentProcess(), 1) }

// detached reports whether this process has no console.
func detached() bool {
	f, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err != nil
}

// way is for a benchmark on Unix.
func way(string, string) {}

func inherit(t *testing.T, cmd *exec.Cmd, f *os.File) {
	t.Helper()
	if err := windows.SetHandleInformation(windows.Handle(f.Fd()), windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
		t.Fatal(err)
	}
	attr := *cmd.SysProcAttr
	attr.AdditionalInheritedHandles = []syscall.Handle{syscall.Handle(f.Fd())}
	cmd.SysProcAttr = &attr
}

// The program becomes no deliverer: it sends its own beacon.
func TestDeliverer_VariablesByAccident_ChangeNothing(t *testing.T) {
	other, err := os.Create(filepath.Join(t.TempDir(), "starting"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for name, handle := range map[string]string{
		"no handle": "", "not a number": "x", "not open": "65532", "this process": "18446744073709551615",
		"another file": strconv.FormatUint(uint64(other.Fd()), 10),
	} {
		d := newDesk(t, nil, nil)
		outbox := proctest.OutboxDir(t)
		if err := os.MkdirAll(outbox, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outbox, "starting"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := command(outbox, d.URL, "flush")
		cmd.Env = append(cmd.Env, "BEACON_DELIVERER=3 deliverer "+outbox, "BEACON_DELIVERER_HANDLE="+handle)
		inherit(t, cmd, other)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		d.wait(t, 1)
	}
}
