package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTheTerminalCloses runs the program in a terminal of its own and closes that as soon
// as the beacon is kept: the kernel hangs up the session.
func TestTheTerminalCloses(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this needs a terminal: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// A shell that stays, as a person's does; the tests may have been told to ignore the signal.
	cmd := exec.Command("env", "--default-signal=HUP", "sh", "-c", `"$0" "$1" 1 1; sleep 60`, os.Args[0], s.URL+"/run")
	cmd.Env = p.command("run").Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	one := make([]byte, 1)
	if _, err := master.Read(one); err != nil || one[0] != '.' {
		t.Fatalf("%q %v", one, err)
	}
	master.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		t.Error("the terminal's closing ended nobody")
	}
	s.waitRows(1, "select id from beacons where stream='/run'")
}
