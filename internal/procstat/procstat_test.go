//go:build linux

package procstat

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestRead_StatesOfAChild(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	for _, x := range []struct {
		signal syscall.Signal
		want   byte
	}{{syscall.SIGSTOP, 'T'}, {syscall.SIGKILL, 'Z'}} {
		if err := child.Process.Signal(x.signal); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			state, parent, ok := Read(pid)
			if ok && state == x.want && parent == os.Getpid() {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("after %v: %c, parent %d, %v; want %c, parent %d", x.signal, state, parent, ok, x.want, os.Getpid())
			}
		}
	}
	child.Wait()
	if _, _, ok := Read(pid); ok {
		t.Error("a reaped process has a state")
	}
}
