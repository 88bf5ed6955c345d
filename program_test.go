//go:build unix

package beacon_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// TestMain makes this binary the program that the tests run: BEACON_TEST_PROGRAM says
// how it ends.
func TestMain(m *testing.M) {
	if len(os.Args) == 1 {
		onTheWayToStart(os.Getenv("BEACON_TEST_PROGRAM"))
	}
	beacon.Start()
	if end := os.Getenv("BEACON_TEST_PROGRAM"); end != "" {
		if how, ok := strings.CutPrefix(end, "way "); ok {
			way(how, os.Args[1])
		}
		program(os.Args[1], end)
	}
	os.Exit(m.Run())
}

// program sends a beacon and is gone in the next statement.
func program(url, end string) {
	if end == "page killed" || end == "page without an heir killed" {
		n := beacon.Navigator{
			Config: &beacon.Config{InProcess: end != "page killed", HonorDoNotTrack: true},
			Page:   &beacon.Page{URL: "http://shop.example/cart"},
		}
		if ok, err := n.SendBeacon(url, end); !ok || err != nil {
			os.Exit(3)
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if end == "page" {
		n := beacon.Navigator{Page: &beacon.Page{URL: "http://shop.example/cart"}}
		if ok, err := n.SendBeacon(url, end); !ok || err != nil {
			os.Exit(3)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		beacon.Flush(ctx)
		os.Exit(0)
	}
	if end == "silent" {
		os.Exit(0)
	}
	if !beacon.Send(url, beacon.JSON(end)) {
		os.Exit(3)
	}
	switch end {
	case "exit", "hang", "crash", "look around":
		os.Exit(0)
	case "panic":
		panic("as it happens")
	case "SIGKILL":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "SIGTERM":
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
	case "SIGHUP":
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
	case "group":
		syscall.Kill(0, syscall.SIGKILL)
	case "again", "remove":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := beacon.Flush(ctx); err != nil {
			os.Exit(4)
		}
		if end == "remove" {
			dir, err := beacon.OutboxDir()
			if err != nil {
				os.Exit(4)
			}
			os.RemoveAll(dir)
		}
		// Until the deliverer has nothing to do any more.
		for delivering := true; delivering && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			s, err := (*beacon.Config)(nil).Status()
			delivering = err == nil && s.Delivering
		}
		if !beacon.Send(url, "again") {
			os.Exit(3)
		}
		os.Exit(0)
	case "flush":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := beacon.Flush(ctx); err != nil {
			os.Exit(4)
		}
		os.Exit(0)
	}
	time.Sleep(time.Minute) // a signal is on its way
}

func command(outbox, url, end string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], url)
	cmd.Env = append(os.Environ(), "BEACON_TEST_PROGRAM="+end, "BEACON_OUTBOX="+outbox, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// run runs the program and returns how long it took and what it printed.
func run(t *testing.T, outbox, url, end string) (took time.Duration, output string) {
	t.Helper()
	cmd := command(outbox, url, end)
	began := time.Now()
	// Output reads until the last process that has the pipe closes it: a deliverer
	// that held on to it would be waited for.
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 3 || exit.ExitCode() == 4) {
		t.Fatalf("%v: %s", err, out)
	}
	return time.Since(began), string(out)
}
