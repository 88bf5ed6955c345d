package beacon_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// disk is a small file system of its own.
func disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("this needs to mount a file system: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestSend_DiskIsReadOnly_ReturnsError(t *testing.T) {
	disk := disk(t)
	outbox := filepath.Join(disk, "outbox")
	if err := os.Mkdir(outbox, 0o700); err != nil {
		t.Fatal(err)
	}
	n := open(t, beacon.Config{Dir: outbox})
	for _, writable := range []bool{false, true} {
		flags := uintptr(unix.MS_REMOUNT)
		if !writable {
			flags |= unix.MS_RDONLY
		}
		if err := unix.Mount("", disk, "", flags, "size=1m"); err != nil {
			t.Fatal(err)
		}
		if err := n.Send("http://127.0.0.1:1/", "x"); (err == nil) != writable {
			t.Errorf("writable %v: %v", writable, err)
		}
	}
}

// The test fills a real file system. Send fails at once, and works again when there is room.
func TestSend_DiskIsFull_ReturnsErrFull(t *testing.T) {
	disk := disk(t)
	n := open(t, beacon.Config{Dir: filepath.Join(disk, "outbox")})
	const unreachable = "http://127.0.0.1:1/"
	kept := int64(0)
	fill := func() (full bool) {
		for range 100 {
			if err := n.Send(unreachable, make([]byte, 30_000)); errors.Is(err, beacon.ErrFull) {
				return true
			} else if err != nil {
				t.Fatal(err)
			}
			kept++
		}
		return false
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if !fill() || kept < 10 {
		t.Fatalf("%d beacons of 30 kB in 700 kB", kept)
	}
	os.Remove(ballast)
	time.Sleep(150 * time.Millisecond) // a full outbox is measured again after 0.1 s
	before := kept
	if !fill() || kept == before {
		t.Errorf("with room again: %d more", kept-before)
	}
	if s, err := n.Status(); err != nil || s.Accepted != kept || s.Accepted != s.Pending+s.Delivered+s.Dead {
		t.Errorf("kept %d: %+v %v", kept, s, err)
	}
}

// The server takes beacons whose outcomes can't be written. It must not get all of the outbox, which the next
// run would send again.
func TestDelivery_DiskStaysFull_Stops(t *testing.T) {
	disk := disk(t)
	n := open(t, beacon.Config{Dir: filepath.Join(disk, "outbox")})
	var requests atomic.Int64
	const beacons = 200
	begun, open := make(chan struct{}, 2*beacons), make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-open
		requests.Add(1)
	})
	for range beacons {
		if err := n.Send(d.URL, "x"); err != nil {
			t.Fatal(err)
		}
	}
	<-begun // on a full disk nothing begins
	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	ballast.Close()
	close(open)
	time.Sleep(time.Second) // the test waits because nothing may happen
	sent := requests.Load()
	if sent != 1 {
		t.Errorf("%d beacons were sent, want 1", sent)
	}
	if s, err := n.Status(); err != nil || s.Pending != beacons {
		t.Errorf("%+v %v", s, err)
	}
	os.Remove(ballast.Name())
	d.wait(t, beacons)
	proctest.Eventually(t, func() error {
		s, err := n.Status()
		if err == nil && s.Delivered != beacons {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	if requests.Load() != beacons {
		t.Errorf("%d requests", requests.Load())
	}
}

// The outbox leaves room for the outcomes of its beacons.
func TestSend_OutboxFillsItsDisk_RoomComesBack(t *testing.T) {
	disk := disk(t)
	n := open(t, beacon.Config{Dir: filepath.Join(disk, "outbox")})
	open := make(chan struct{})
	d := newDesk(t, nil, func(http.ResponseWriter, *http.Request) { <-open })
	kept := 0
	for range 5000 {
		if n.Send(d.URL, "x") == nil {
			kept++
		}
	}
	if kept == 0 || kept == 5000 {
		t.Fatalf("%d beacons in 1 MiB", kept)
	}
	close(open)
	d.wait(t, kept)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n.Send(d.URL, "again") == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the room of the delivered beacons does not come back")
		}
	}
}
