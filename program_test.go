package beacon_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// TestMain makes this binary the program that the tests run. BEACON_TEST_PROGRAM is the way in which it ends. In
// a deliverer neither TestMain nor a test is reached. The process of the tests does not call Start, so it
// delivers by itself.
func TestMain(m *testing.M) {
	if end := os.Getenv("BEACON_TEST_PROGRAM"); end != "" {
		if end == "late start" {
			if beacon.Send(os.Args[1], "before Start") != nil {
				os.Exit(3)
			}
			time.Sleep(100 * time.Millisecond) // this process has begun to deliver
		}
		if err := beacon.Start(); err != nil {
			panic(err)
		}
		if how, ok := strings.CutPrefix(end, "way "); ok {
			way(how, os.Args[1])
		}
		program(os.Args[1], end)
	}
	os.Exit(m.Run())
}

// programs are those of single systems.
var programs = map[string]func(url string){}

// program sends a beacon and ends in the next statement.
func program(url, end string) {
	prepare(end)
	if run := programs[end]; run != nil {
		run(url)
	}
	if end == "log" {
		beacon.Start(beacon.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
		beacon.Send(url, end)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		beacon.Flush(ctx) // which fails if the server is down
		os.Exit(0)
	}
	if end == "silent" {
		os.Exit(0)
	}
	if beacon.Send(url, beacon.JSON(end)) != nil {
		os.Exit(3)
	}
	switch end {
	case "exit", "late start":
		os.Exit(0)
	case "panic":
		panic("after Send")
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
		// The deliverer must have ended.
		for delivering := true; delivering && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			s, err := beacon.Default().Status()
			delivering = err == nil && s.Delivering
		}
		if beacon.Send(url, "again") != nil {
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
	kill(end)
	time.Sleep(time.Minute) // until the signal comes
}

func command(outbox, url, end string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], url)
	cmd.Env = append(os.Environ(), "BEACON_TEST_PROGRAM="+end, "BEACON_OUTBOX="+outbox, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = processGroup
	return cmd
}

// run runs the program and returns how long it took and what it printed.
func run(t *testing.T, outbox, url, end string) (took time.Duration, output string) {
	t.Helper()
	cmd := command(outbox, url, end)
	began := time.Now()
	// CombinedOutput reads until all processes have closed the pipe. It would wait for a deliverer that had it.
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() == 3 || exit.ExitCode() == 4) {
		t.Fatalf("%v: %s", err, out)
	}
	return time.Since(began), string(out)
}
