//go:build unix

package beacon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ends are the ways in which the program can end after Send.
var ends = []string{"exit", "panic", "killed", "SIGTERM", "SIGHUP", "group"}

var processGroup = &syscall.SysProcAttr{Setpgid: true}

func prepare(string) {}

func kill(end string) {
	switch end {
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "SIGTERM":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
	case "SIGHUP":
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
	case "group":
		syscall.Kill(0, syscall.SIGKILL)
	}
}

// inherit has the command inherit a file, but not as descriptor 3, which would be the deliverer's lock.
func inherit(_ *testing.T, cmd *exec.Cmd, f *os.File) { cmd.ExtraFiles = []*os.File{nil, f} }

// The program becomes a deliverer without a lock: it ends and changes nothing.
func TestDeliverer_VariableByAccident_ChangesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Args = append(cmd.Args, "-test.run=^$")
	cmd.Env = append(os.Environ(), "BEACON_DELIVERER=3 deliverer "+dir)
	cmd.ExtraFiles = []*os.File{other}
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "FAIL") {
		t.Errorf("%v: %s", err, out)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("the outbox has %v, want its lock only", files)
	}
}
