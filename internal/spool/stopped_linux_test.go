package spool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this binary a process that holds the lock of an outbox until its standard input ends.
func TestMain(m *testing.M) {
	dir := os.Getenv("BEACON_TEST_HOLD")
	if dir == "" {
		os.Exit(m.Run())
	}
	box, err := OpenOutbox(dir)
	if err != nil {
		panic(err)
	}
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		panic(fmt.Sprint("no lock: ", err))
	}
	if _, err := box.Claim(lock); err != nil {
		panic(err)
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
}

// A process that has looked at the lock of a stopped holder finds the lock that another has put in its place,
// also after that one's claim has ended.
func TestTakeLock_HolderStopped_EveryProcessFindsTheNewLock(t *testing.T) {
	dir := t.TempDir()
	early, later, patient := open(t, dir), open(t, dir), open(t, dir)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), "BEACON_TEST_HOLD="+dir)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		holder.Process.Signal(syscall.SIGCONT)
		in.Close()
		holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	if lock, err := early.TakeLock(); lock != nil || err != nil {
		t.Fatalf("a lock that is held: %v, %v", lock, err)
	}
	if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for pid := holder.Process.Pid; !stopped(pid); time.Sleep(time.Millisecond) {
	}
	if lock, err := patient.TryLock(); lock != nil || err != nil {
		t.Fatalf("TryLock replaces the lock: %v, %v", lock, err)
	}
	lock, err := later.TakeLock()
	if err != nil || lock == nil {
		t.Fatalf("the lock of a stopped holder: %v, %v", lock, err)
	}
	claim, err := later.Claim(lock)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadStatus(dir); err != nil || !s.Held {
		t.Errorf("while the new holder delivers: %+v, %v", s, err)
	}
	if err := claim.Release(); err != nil {
		t.Error(err)
	}
	if s, err := ReadStatus(dir); err != nil || s.Held {
		t.Errorf("when it has ended: %+v, %v", s, err)
	}
	// It looks once a second.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		lock, err := early.TryLock()
		if lock != nil {
			lock.Close()
			break
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("the first process does not find the lock: %v", err)
		}
	}
}

func open(t *testing.T, dir string) *Outbox {
	t.Helper()
	box, err := OpenOutbox(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}
