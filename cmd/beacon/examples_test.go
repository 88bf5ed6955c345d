//go:build unix

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestTheExamplesRun builds the examples and runs each as its comment says.
func TestTheExamplesRun(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "../../examples/cli", "../../examples/service", "../../examples/container").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(env []string, name string, args ...string) (status int) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(p.command("").Env, env...)
		cmd.Env = append(cmd.Env, "BEACON_TEST_AS=command")
		if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		return cmd.ProcessState.ExitCode()
	}

	t.Run("a command-line tool with an opt-out", func(t *testing.T) {
		url := "CLI_TELEMETRY_URL=" + s.URL + "/cli"
		run([]string{url}, filepath.Join(bin, "cli"), "hello")
		s.waitRows(1, "select id from beacons where stream='/cli'")
		run([]string{url, "DO_NOT_TRACK=1"}, filepath.Join(bin, "cli"), "hello")
		run([]string{url}, filepath.Join(bin, "cli"), "telemetry")
		rows := s.waitRows(2, "select data->>'command' as command from beacons where stream='/cli' order by sent_at")
		if len(rows) != 2 || rows[0]["command"] != "hello" || rows[1]["command"] != "telemetry" {
			t.Errorf("%v", rows)
		}
	})
	t.Run("a service with an audit trail", func(t *testing.T) {
		address := freeAddress(t)
		cmd := exec.Command(filepath.Join(bin, "service"))
		cmd.Env = append(p.command("").Env, "AUDIT_URL="+s.URL+"/audit", "LISTEN="+address)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Process.Kill()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			res, err := http.Post("http://"+address+"/transfer?amount=7", "", nil)
			if err == nil && res.StatusCode == http.StatusNoContent {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(res, err)
			}
		}
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if rows := s.waitRows(1, "select data->>'detail' as detail from beacons where stream='/audit'"); len(rows) != 1 || rows[0]["detail"] != "7" {
			t.Errorf("%v", rows)
		}
	})
	t.Run("a deploy that reports its end", func(t *testing.T) {
		// The script calls `beacon` by its name.
		if err := os.Symlink(os.Args[0], filepath.Join(bin, "beacon")); err != nil {
			t.Fatal(err)
		}
		env := []string{"DEPLOY_URL=" + s.URL + "/deploys", "PATH=" + bin + ":" + os.Getenv("PATH")}
		for name, want := range map[string]int{"true": 0, "false": 1} {
			if status := run(env, "../../examples/deploy/deploy.sh", name); status != want {
				t.Errorf("%s: status %d", name, status)
			}
		}
		if rows := s.waitRows(2, "select data->>'status' as status from beacons where stream='/deploys'"); len(rows) != 2 {
			t.Errorf("%v", rows)
		}
	})
	t.Run("the first process of a container", func(t *testing.T) {
		if status := run([]string{"JOB_URL=" + s.URL + "/jobs"}, filepath.Join(bin, "container")); status != 0 {
			t.Errorf("status %d", status)
		}
		// It has waited: the row is there already.
		if rows := s.query("select id from beacons where stream='/jobs'"); len(rows) != 1 {
			t.Errorf("%v", rows)
		}
	})
	t.Run("as the real first process of a name space", func(t *testing.T) {
		unshare, err := exec.LookPath("unshare")
		if runtime.GOOS != "linux" || err != nil || os.Geteuid() != 0 {
			t.Skip("this needs root on Linux and unshare")
		}
		if status := run([]string{"JOB_URL=" + s.URL + "/pid1"}, unshare, "--pid", "--fork", "--kill-child", filepath.Join(bin, "container")); status != 0 {
			t.Errorf("status %d", status)
		}
		if rows := s.query("select id from beacons where stream='/pid1'"); len(rows) != 1 {
			t.Errorf("%v", rows)
		}
	})
}
