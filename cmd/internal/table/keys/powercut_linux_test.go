package keys

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A disk is an ext4 file system in a file. Its power can be cut.
type disk struct {
	t          *testing.T
	image, dir string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "image"), dir: t.TempDir()}
	err := os.WriteFile(d.image, nil, 0o600)
	if err == nil {
		err = os.Truncate(d.image, 32<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", d.image).CombinedOutput(); err != nil {
		t.Skipf("the test needs mkfs.ext4: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Skipf("the test needs the right to mount a file system: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", d.dir).Run() })
	return d
}

// cut shuts the file system down without writing its log: writes that are not synced are lost.
func (d *disk) cut() {
	const shutdown, noLogFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Error(err)
	}
}

func (d *disk) mountAgain() {
	d.t.Helper()
	for _, args := range [][]string{{"umount", d.dir}, {"mount", "-o", "loop", d.image, d.dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			d.t.Fatalf("%v: %v %s", args, err, out)
		}
	}
}

// TestSet_PowerCuts_AgreesWithModel cuts the power at random moments, during flushes and merges
// too. A Sync that ends after the cut began counts as failed, because the kernel can answer an
// fsync with success although it drops the data.
func TestSet_PowerCuts_AgreesWithModel(t *testing.T) {
	d := newDisk(t)
	dir := filepath.Join(d.dir, "keys")
	c := newWriterModel(99)
	for cut := range 5 {
		s, err := open(dir, small)
		if err != nil {
			t.Fatalf("after cut %d: %v", cut, err)
		}
		c.position = c.synced
		var began atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(rand.N(150 * time.Millisecond))
			began.Store(true)
			d.cut()
		}()
		for n := 0; !began.Load(); n++ {
			if c.add(t, s) != nil {
				break
			}
			if n%23 == 0 {
				if s.Sync() == nil && !began.Load() {
					c.synced = c.position
				}
			}
		}
		<-done
		s.Close()
		if t.Failed() {
			t.FailNow()
		}
		d.mountAgain()
	}
	t.Logf("%d keys were durable", c.synced)
	if c.synced == 0 {
		t.Error("no key was durable: the test shows nothing")
	}
}

func TestSet_DiskFull_RecoversWithoutReopening(t *testing.T) {
	d := newDisk(t)
	dir := filepath.Join(d.dir, "keys")
	s := mustOpen(t, dir, small)
	defer s.Close()
	c := newWriterModel(100)
	filler := filepath.Join(d.dir, "filler")
	for round := range 2 {
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for size := 1 << 20; size > 0; {
			if _, err := f.Write(make([]byte, size)); err != nil {
				size /= 2
			}
		}
		f.Close()
		failures := 0
		for range 400 {
			err := c.add(t, s)
			if err == nil && c.position%11 == 0 {
				err = c.sync(s)
			}
			if errors.Is(err, ErrDamaged) {
				t.Fatalf("round %d: %v", round, err)
			}
			if err != nil {
				failures++
			}
		}
		if failures == 0 {
			t.Fatalf("round %d: no call failed on the full disk", round)
		}
		os.Remove(filler)
		// A merge that failed on the full disk is reported once.
		if err := c.sync(s); err != nil {
			err = c.sync(s)
			if err != nil {
				t.Fatalf("round %d: Sync with space again: %v", round, err)
			}
		}
		for range 500 {
			if err := c.add(t, s); err != nil {
				t.Fatalf("round %d: with space again: %v", round, err)
			}
		}
		if err := c.sync(s); err != nil {
			t.Fatalf("round %d: Sync: %v", round, err)
		}
	}
	waitMerges(t, s)
	d.cut()
	s.Close()
	d.mountAgain()
	s = mustOpen(t, dir, small)
	defer s.Close()
	c.position = 0
	for c.position < c.synced {
		if a := c.inbox[c.position]; a.at.Before(c.now.Add(-Window)) {
			c.position++
		} else if err := c.add(t, s); err != nil {
			t.Fatal(err)
		}
	}
}
