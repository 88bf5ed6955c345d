//go:build unix

package browsertest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// startXvfb starts an X server without a screen and returns its display, such as ":7". It ends with the
// test.
func startXvfb(t testing.TB) (display string) {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	proctest.Needs(t, "Xvfb", err == nil)
	chosen, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer chosen.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{write}
	startInGroup(t, cmd)
	write.Close()
	if err := chosen.SetReadDeadline(time.Now().Add(startLimit)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		t.Fatal(err)
	}
	number, err := bufio.NewReader(chosen).ReadString('\n')
	if err != nil {
		t.Fatalf("start Xvfb: %v\n%s", err, cmd.Stderr)
	}
	return ":" + strings.TrimSpace(number)
}

// startInGroup starts a command in a process group of its own. At the end of the test the group gets
// SIGTERM, and SIGKILL if that does not end the command.
func startInGroup(t testing.TB, cmd *exec.Cmd) group {
	t.Helper()
	cmd.SysProcAttr = ownGroup()
	output := &proctest.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = closeLimit
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(closeLimit):
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	return group(cmd.Process.Pid)
}
