//go:build unix

package beacon_test

import (
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

// onTheWayToStart is what the program does as a deliverer, which has no arguments, before it
// calls Start.
func onTheWayToStart(program string) {
	switch program {
	case "hang":
		exec.Command("sleep", "45").Start()
		select {}
	case "crash":
		os.Exit(1)
	case "look around":
		if os.Getenv("BEACON_DELIVERER") != "" || beacon.Send("http://127.0.0.1:1/", "of a deliverer") {
			os.Exit(1)
		}
	}
}

// TestADelivererStartsNoOther: what it starts itself does not take itself for a deliverer,
// and it sends nothing of its own.
func TestADelivererStartsNoOther(t *testing.T) {
	d := newDesk(t, nil, nil)
	run(t, newOutbox(t), d.URL, "look around")
	d.wait(t, 1)
}

func TestWhatIsLeftLeavesWithTheNextRun(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, outbox, url string){
		"that sends nothing": func(t *testing.T, outbox, url string) { run(t, outbox, url, "silent") },
		"that finds the outbox full": func(t *testing.T, outbox, url string) {
			n := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, Capacity: 1, InProcess: true}}
			if ok, err := n.SendBeacon(url, "x"); ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil, nil)
			outbox := newOutbox(t)
			run(t, outbox, d.URL, "crash") // as its deliverer does
			eventually(t, func() error {
				next(t, outbox, d.URL) // once more if the lock was not free yet
				return d.has(1)
			})
		})
	}
}

func TestADelivererThatHangsOnItsWayToStartGivesTheLockUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	run(t, outbox, d.URL, "hang")
	d.mu.Lock()
	if len(d.taken) > 0 {
		t.Error("it does not hang")
	}
	d.mu.Unlock()
	eventually(t, func() error {
		run(t, outbox, d.URL, "exit")
		time.Sleep(time.Second) // it takes ten until the lock is free
		return d.has(1)
	})
}

func TestADelivererThatReachesAServerIsCountedNoMore(t *testing.T) {
	d := newDesk(t, nil, nil)
	outbox := newOutbox(t)
	run(t, outbox, d.URL, "exit")
	d.wait(t, 1)
	eventually(t, func() error {
		counted, err := os.ReadFile(filepath.Join(outbox, "lock"))
		if err == nil && len(counted) > 0 {
			err = fmt.Errorf("%s", counted)
		}
		return err
	})
}

// TestAVariableThatIsThereBySomeAccident makes the program a deliverer without an outbox's
// lock: it ends and touches nothing.
func TestAVariableThatIsThereBySomeAccident(t *testing.T) {
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
	cmd.Env = append(os.Environ(), "BEACON_DELIVERER="+dir)
	cmd.ExtraFiles = []*os.File{other}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("%v", files)
	}
}

// TestADelivererHoldsNoFileOfItsProgram hands the program a pipe, as a shell would. The server
// answers when the pipe's reader has seen its end.
func TestADelivererHoldsNoFileOfItsProgram(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-ended })
	cmd := command(newOutbox(t), d.URL, "exit")
	cmd.ExtraFiles = []*os.File{nil, w} // the first would have the number of the lock
	err = cmd.Run()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	r.SetReadDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the pipe has no end: %v", err)
	}
	close(ended)
	d.wait(t, 1)
}
