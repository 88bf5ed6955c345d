package main

import (
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A disk is an ext4 of its own, in a file, mounted where a place has its data.
type disk struct {
	t     *testing.T
	image string
	dir   string
}

// newDisk needs leave to mount, which root has, and not in every container.
func newDisk(t *testing.T, p *place, size int64) *disk {
	t.Helper()
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "disk"), dir: p.data}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", d.image).CombinedOutput(); err != nil {
		t.Skipf("this needs mkfs.ext4: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		t.Skipf("this needs leave to mount a file system: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", d.dir).Run() })
	return d
}

// ioctl asks the file system itself.
func (d *disk) ioctl(request uint, argument int) {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), request, argument); err != nil {
		d.t.Fatal(err)
	}
}

const (
	ext4Shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush     = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on disk never will be
	freezeWrites   = 0xc0045877 // FIFREEZE
	unfreezeWrites = 0xc0045878 // FITHAW
)

// cut takes the power away: what was written before and not synced never gets to the disk.
// Nobody may be syncing: the kernel can answer a sync that is under way with success, and
// drop what it was of.
func (d *disk) cut() { d.ioctl(ext4Shutdown, noLogFlush) }

// again mounts the disk as a machine does that has its power back.
func (d *disk) again() {
	d.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		out, err := exec.Command("umount", d.dir).CombinedOutput()
		if err == nil {
			break
		}
		// A query process ends a moment after the collector that it is of.
		if time.Now().After(end) {
			d.t.Fatalf("umount: %v %s", err, out)
		}
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		d.t.Fatalf("mount: %v %s", err, out)
	}
}

// TestServe_PowerCutUnderLoad_EachAcknowledgedBeaconIsOneRow kills the collector under load and takes
// its disk's power away, time after time.
func TestServe_PowerCutUnderLoad_EachAcknowledgedBeaconIsOneRow(t *testing.T) {
	p := newPlace(t)
	d := newDisk(t, p, 512<<20)
	d.losesWhatIsNotSynced()
	address := freeAddress(t)
	s := p.serve(address)
	l := startLoad(t, address)
	o := startOperator(t, p, address)
	for range kills(t, 20) {
		time.Sleep(rand.N(300 * time.Millisecond))
		s.kill()
		d.cut()
		d.again()
		s = p.serve(address)
	}
	before := l.acknowledgedNow()
	eventually(t, "the load goes on", func() bool { return l.acknowledgedNow() > before })
	l.arrived(t, s)
	o.arrived(t, s)
	s.stop()
}

// losesWhatIsNotSynced shows that the test could fail.
func (d *disk) losesWhatIsNotSynced() {
	d.t.Helper()
	name := filepath.Join(d.dir, "probe")
	if err := os.WriteFile(name, []byte("never synced"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.cut()
	d.again()
	if b, err := os.ReadFile(name); err == nil && len(b) > 0 {
		d.t.Fatalf("the disk keeps what was never synced: %q", b)
	}
}

// TestADiskThatIsSlow stops the disk for longer than the collector waits.
func TestADiskThatIsSlow(t *testing.T) {
	p := newPlace(t)
	d := newDisk(t, p, 256<<20)
	s := p.serve("127.0.0.1:0")
	post := func() (int, string, time.Duration) {
		began := time.Now()
		res, err := http.Post(s.URL+"/slow", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.StatusCode, res.Header.Get("Retry-After"), time.Since(began)
	}
	if status, _, _ := post(); status != 204 {
		t.Fatal(status)
	}
	d.ioctl(freezeWrites, 0)
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			d.ioctl(unfreezeWrites, 0)
		}
	}
	defer thaw()
	status, retry, took := post()
	if status != 503 || retry == "" || took > 15*time.Second {
		t.Errorf("%d, Retry-After %q, after %v", status, retry, took)
	}
	if res, err := http.Get(s.URL + "/-/readyz"); err != nil || res.StatusCode != 503 {
		t.Errorf("readyz: %v %v", res, err)
	}
	thaw()
	eventually(t, "it recovers without a restart", func() bool { status, _, _ := post(); return status == 204 })
	acknowledged := 2
	rows := s.waitRows(acknowledged, "select id from beacons where stream='/slow'")
	t.Logf("%d rows; 503 after %v", len(rows), took.Round(time.Millisecond))
}

// TestADiskThatIsFull fills it, and makes room again.
func TestADiskThatIsFull(t *testing.T) {
	p := newPlace(t)
	d := newDisk(t, p, 64<<20)
	address := freeAddress(t)
	s := p.serve(address)
	l := startLoad(t, address)
	eventually(t, "there is a load", func() bool { return l.acknowledgedNow() > 100 })
	filler := filepath.Join(d.dir, "filler")
	fill, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := fill.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	fill.Close()
	refusals := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.refused[503]
	}
	eventually(t, "beacons are refused", func() bool {
		// The collector frees room too, which is filled as well.
		if f, err := os.OpenFile(filler, os.O_APPEND|os.O_WRONLY, 0); err == nil {
			f.Write(make([]byte, 4<<10))
			f.Close()
		}
		return refusals() > 10
	})
	before := l.acknowledgedNow()
	os.Remove(filler)
	eventually(t, "it recovers without a restart", func() bool { return l.acknowledgedNow() > before+100 })
	l.arrived(t, s)
	s.stop()
}
