package beacon_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// startedVar is a directory in which each deliverer makes a file.
const startedVar = "BEACON_TEST_STARTED"

// beforeStart is what the program does as a deliverer before it calls Start.
func beforeStart(program string) {
	if dir := os.Getenv(startedVar); dir != "" {
		os.WriteFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), nil, 0o600)
	}
	switch program {
	case "hang":
		exe, _ := os.Executable()
		child := exec.Command(exe) // which must not hold the lock
		child.Env = append(os.Environ(), "BEACON_TEST_PROGRAM=sleep")
		child.Start()
		select {}
	case "sleep":
		time.Sleep(45 * time.Second)
		os.Exit(0)
	case "crash":
		os.Exit(1)
	case "check":
		dir, err := os.Getwd()
		if err != nil || filepath.Dir(dir) != dir || os.Getenv("BEACON_DELIVERER") != "" || beacon.Send("http://127.0.0.1:1/", "x") || !detached() {
			os.Exit(1) // the beacon does not arrive
		}
	}
}

// A deliverer works in the root directory, has neither the console nor the session of its program, and sends
// nothing of its own. A process that it starts does not become a deliverer.
func TestDeliverer_Started_IsApartFromItsProgram(t *testing.T) {
	d := newDesk(t, nil, nil)
	run(t, newOutbox(t), d.URL, "check")
	d.wait(t, 1)
}

func TestDeliverer_DiedBeforeStart_NextRunDelivers(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, outbox, url string){
		"that sends nothing": func(t *testing.T, outbox, url string) { run(t, outbox, url, "silent") },
		"that finds the outbox full": func(t *testing.T, outbox, url string) {
			n := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, Capacity: 1, InProcess: true}}
			if ok, err := n.SendBeacon(url, "x"); ok || err != nil {
				t.Errorf("got %v, %v; want false, nil", ok, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil, nil)
			outbox := newOutbox(t)
			run(t, outbox, d.URL, "crash")
			eventually(t, func() error {
				next(t, outbox, d.URL) // again if the lock was not free yet
				return d.has(1)
			})
		})
	}
}

func TestDeliverer_HangsBeforeStart_ReleasesLock(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	run(t, outbox, d.URL, "hang")
	if d.has(1) == nil {
		t.Error("the deliverer does not hang")
	}
	eventually(t, func() error {
		run(t, outbox, d.URL, "exit")
		time.Sleep(time.Second) // the lock is free after ten
		return d.has(1)
	})
}

func TestDeliverer_ReachesServer_StartsAreReset(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	run(t, outbox, d.URL, "exit")
	d.wait(t, 1)
	eventually(t, func() error {
		starts, err := os.ReadFile(filepath.Join(outbox, "lock"))
		if err == nil && len(starts) > 0 {
			err = fmt.Errorf("%s", starts)
		}
		return err
	})
}

// The deliverer of a killed process takes over the beacons of its pages.
func TestDeliverer_ProcessWithPageKilled_StandbyDelivers(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	const runs = 5
	for range runs {
		run(t, outbox, d.URL, "page killed")
	}
	d.wait(t, runs)
}

// The program has a pipe besides its standard files. The server answers when the pipe's reader has seen its end.
func TestDeliverer_ProgramInheritedAFile_DoesNotHoldIt(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	ended, end := context.WithCancel(ctx)
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended.Done() })
	cmd := command(newOutbox(t), d.URL, "exit")
	inherit(t, cmd, w)
	err = cmd.Run()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer end()
		io.Copy(io.Discard, r)
	}()
	<-ended.Done()
	if ctx.Err() != nil {
		t.Error("the pipe has no end: the deliverer has it open")
	}
	d.wait(t, 1)
}
