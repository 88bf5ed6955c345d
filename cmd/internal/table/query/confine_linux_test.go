//go:build cgo && (amd64 || arm64)

package query

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	roles["probe landlock"] = func() { probe() }
	roles["probe all"] = func() {
		if err := filterSyscalls(); err != nil {
			fmt.Println("filter:", err)
		}
		probe()
	}
	roles["parent"] = parentRole
}

// probe tries what a process may and may not, and prints a line for each.
func probe() {
	dir, temp, secret := os.Args[1], os.Args[2], os.Args[3]
	parent := os.Getppid()
	try := func(name string, f func() error) { fmt.Printf("%s: %v\n", name, f()) }
	open := func(path string, flag int) func() error {
		return func() error {
			f, err := os.OpenFile(path, flag, 0o600)
			if err == nil {
				f.Close()
			}
			return errors.Unwrap(err)
		}
	}
	try("read table", open(dir+"/t", os.O_RDONLY))
	try("write temp", open(temp+"/x", os.O_RDWR|os.O_CREATE))
	try("read secret", open(secret, os.O_RDONLY))
	try("read passwd", open("/etc/passwd", os.O_RDONLY))
	try("read parent's environment", open(fmt.Sprintf("/proc/%d/environ", parent), os.O_RDONLY))
	try("read own environment", open("/proc/self/environ", os.O_RDONLY))
	try("read parent's memory", open(fmt.Sprintf("/proc/%d/mem", parent), os.O_RDWR))
	try("write table", open(dir+"/x", os.O_RDWR|os.O_CREATE))
	try("change table", open(dir+"/t", os.O_RDWR))
	try("write beside temp", open(filepath.Dir(temp)+"/x", os.O_RDWR|os.O_CREATE))
	try("list home", open("/root", os.O_RDONLY))
	try("remove table", func() error { return unix.Unlink(dir + "/t") })
	try("link", func() error { return unix.Link(secret, temp+"/link") })
	try("symlink", func() error { return unix.Symlink(secret, temp+"/link") })
	try("unix socket", func() error { return unix.Mknod(temp+"/socket", unix.S_IFSOCK, 0) })
	try("exec", func() error { return unix.Exec("/bin/true", []string{"true"}, nil) })
	try("signal parent", func() error { return unix.Kill(parent, 0) })
	try("kill parent", func() error { return unix.Kill(parent, unix.SIGKILL) })
	try("ptrace parent", func() error { return unix.PtraceAttach(parent) })
	try("connect", func() error {
		c, err := net.Dial("tcp", os.Args[4])
		if err == nil {
			c.Close()
			return nil
		}
		var errno syscall.Errno
		errors.As(err, &errno)
		return errno
	})
	try("socket", func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		unix.Close(fd)
		return err
	})
	try("fork", func() error {
		pid, err := syscall.ForkExec("/proc/self/exe", nil, nil)
		if pid > 0 {
			unix.Kill(pid, unix.SIGKILL)
		}
		return err
	})
	try("io_uring", func() error {
		_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
		return errno
	})
	try("limits of parent", func() error {
		return unix.Prlimit(parent, unix.RLIMIT_NOFILE, nil, new(unix.Rlimit))
	})
}

// runProbe starts the role as a query process is started, and returns its lines.
func runProbe(t *testing.T, role string) map[string]string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	root := t.TempDir()
	dir, temp, secret := filepath.Join(root, "table"), filepath.Join(root, "temp"), filepath.Join(root, "secret")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(temp, 0o700), os.WriteFile(secret, nil, 0o600), os.WriteFile(dir+"/t", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command(exe, dir, temp, secret, l.Addr().String())
	cmd.Env = []string{roleVariable + "=" + role}
	cmd.Stdout, cmd.Stderr = &out, t.Output()
	confined, err := startConfined(cmd, dir, temp)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if !confined {
		t.Skip("this kernel has no Landlock")
	}
	results := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		results[name] = result
	}
	return results
}

func TestProcess_Landlock_OtherFilesAreRefused(t *testing.T) {
	results := runProbe(t, "probe landlock")
	for name, want := range map[string]string{
		"read table": "<nil>", "write temp": "<nil>",
		"read secret": "permission denied", "read passwd": "permission denied", "read parent's environment": "permission denied", "read own environment": "permission denied",
		"read parent's memory": "permission denied", "write table": "permission denied", "change table": "permission denied", "write beside temp": "permission denied",
		"list home": "permission denied", "remove table": "permission denied", "symlink": "permission denied", "unix socket": "permission denied", "exec": "permission denied",
		"kill parent": "operation not permitted", "signal parent": "operation not permitted", "ptrace parent": "operation not permitted", "connect": "permission denied",
	} {
		if got := results[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := results["link"]; got != "permission denied" && got != "invalid cross-device link" {
		t.Errorf("link: got %q", got)
	}
}

func TestProcess_Seccomp_OtherSystemCallsAreRefused(t *testing.T) {
	results := runProbe(t, "probe all")
	for name, want := range map[string]string{
		"read table": "<nil>", "write temp": "<nil>", "read passwd": "permission denied",
		"exec": "function not implemented", "socket": "function not implemented", "connect": "function not implemented", "fork": "operation not permitted",
		"symlink": "function not implemented", "link": "function not implemented", "unix socket": "function not implemented", "io_uring": "function not implemented",
		"ptrace parent": "function not implemented", "kill parent": "operation not permitted", "limits of parent": "operation not permitted",
	} {
		if got := results[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// parentRole is a collector with a query that runs, one whose rows are not read, and a process that
// waits. It prints the processes' ids.
func parentRole() {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	p, err := New(Options{Command: []string{exe}, Env: []string{roleVariable + "=child"}, Dir: os.Args[1], Temp: os.Args[2]})
	if err != nil {
		panic(err)
	}
	if _, err := p.Query(context.Background(), Request{SQL: "from range(5000000)", View: smallView}); err != nil {
		panic(err)
	}
	go p.Query(context.Background(), Request{SQL: "select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7", View: smallView})
	// It ends by itself if the test does not kill it.
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		p.mu.Lock()
		var pids []string
		for proc := range p.live {
			pids = append(pids, strconv.Itoa(proc.cmd.Process.Pid))
		}
		waits := p.warm != nil
		p.mu.Unlock()
		if len(pids) == 3 && waits && p.Stats().Running == 2 {
			fmt.Println(strings.Join(pids, " "))
			time.Sleep(time.Until(deadline))
		}
	}
	os.Exit(1)
}

func TestProcess_ParentIsKilled_Ends(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	cmd := exec.Command(exe, filepath.Join(root, "table"), filepath.Join(root, "temp"))
	cmd.Env = []string{roleVariable + "=parent"}
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	if err != nil {
		t.Fatalf("the parent printed %q: %v", line, err)
	}
	for _, text := range strings.Fields(line) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "process "+text+" has ended", func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			_, state, _ := strings.Cut(string(stat), ") ")
			return err != nil || strings.HasPrefix(state, "Z") // until its new parent reads its state
		})
	}
}
