//go:build unix

package browsertest

import (
	"bytes"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A group is a process group: a browser's processes and, in WebKit, their driver.
type group int

// A process is one of a group.
type process struct {
	id      int
	command string // with its arguments
}

// processes returns the processes that have not ended.
func (g group) processes(t testing.TB) (found []process) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "pgid=", "-o", "stat=", "-o", "args=").Output()
	if err != nil {
		t.Fatalf("list the processes: %v", err)
	}
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		// A process that ended stays in state Z until its parent has asked for its status.
		if len(fields) < 4 || fields[1] != strconv.Itoa(int(g)) || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		if id, err := strconv.Atoi(fields[0]); err == nil {
			found = append(found, process{id, strings.Join(fields[3:], " ")})
		}
	}
	return found
}

// kill sends SIGKILL to the processes for which is returns true. The test fails if it finds no process.
func (g group) kill(t testing.TB, is func(process) bool) {
	t.Helper()
	killed := 0
	for _, p := range g.processes(t) {
		if is(p) {
			syscall.Kill(p.id, syscall.SIGKILL)
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("kill: the browser has no such process")
	}
}

// awaitEnd waits until the group has none of the processes that is returns true for.
func (g group) awaitEnd(t testing.TB, is func(process) bool) {
	t.Helper()
	for deadline := time.Now().Add(closeLimit); ; time.Sleep(20 * time.Millisecond) {
		var left []process
		for _, p := range g.processes(t) {
			if is(p) {
				left = append(left, p)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v the browser still has %d processes: %.200v", closeLimit, len(left), left)
		}
	}
}

func anyProcess(process) bool { return true }
