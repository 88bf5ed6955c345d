package beacon_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

func init() { programs["hold lock"] = holdLock }

// holdLock is a program that delivers in its own process until its standard input ends.
func holdLock(url string) {
	n, err := beacon.Open(beacon.Config{})
	if err != nil || n.Send(url, "of the stopped program") != nil {
		os.Exit(3)
	}
	for delivering := false; !delivering; time.Sleep(time.Millisecond) {
		s, err := n.Status()
		delivering = err == nil && s.Delivering
	}
	fmt.Println("delivering")
	bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
}

// A program delivers in its own process, to a server that is down, and is stopped, as by Ctrl-Z. The beacons
// of other programs are delivered meanwhile, its own too, and all are counted when it goes on.
func TestStoppedProgram_HoldsTheLock_OthersDeliver(t *testing.T) {
	outbox := proctest.OutboxDir(t)
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	stopped := command(outbox, "http://"+down.Addr().String(), "hold lock")
	in, err := stopped.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := stopped.StdoutPipe()
	if err == nil {
		err = stopped.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	if err := stopped.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	up := newDesk(t, nil, nil)
	run(t, outbox, up.URL, "exit")
	up.wait(t, 1)

	// The stopped program's own beacon leaves with the other deliverer, or later with its own.
	l, err := net.Listen("tcp", down.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again := newDesk(t, l, nil)
	if err := stopped.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	again.wait(t, 1)
	in.Close()
	if err := stopped.Wait(); err != nil {
		t.Error(err)
	}
	proctest.Eventually(t, func() error {
		if s, err := beacon.ReadStatus(outbox); err != nil || s.Delivered != 2 || s.Accepted != 2 {
			return fmt.Errorf("%+v, %v", s, err)
		}
		return nil
	})
}
