package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func beaconRecord(body string) warc.Record {
	return warc.Record{
		ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: "http://127.0.0.1/x",
		Request: warc.Request{Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: []byte(body)},
	}
}

func encoded(t testing.TB, body string) []byte {
	t.Helper()
	r := beaconRecord(body)
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const capacity = 16 << 20

func newOutbox(t testing.TB) *Outbox { return newOutboxOn(t, osFS{}) }

func newOutboxOn(t testing.TB, fsys fileSystem) *Outbox {
	t.Helper()
	box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

func claim(t testing.TB, box *Outbox) *Claim {
	t.Helper()
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatalf("lock: %v, %v", lock, err)
	}
	c, err := box.Claim(lock)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bodies(t testing.TB, c *Claim) (bodies []string, entries []Entry) {
	t.Helper()
	if _, err := c.Scan(func(e Entry, r *warc.Record) bool {
		bodies = append(bodies, string(r.Request.Body))
		entries = append(entries, e)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return bodies, entries
}

func appendAll(t testing.TB, box *Outbox, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := box.Append(encoded(t, b), capacity, false); err != nil {
			t.Fatal(err)
		}
	}
}

func status(t testing.TB, box *Outbox) Status {
	t.Helper()
	s, err := ReadStatus(box.Dir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAtCapacityAppendIsRefusedUntilThereIsRoom(t *testing.T) {
	box := newOutbox(t)
	const capacity = 200 << 10
	body := strings.Repeat("x", 10<<10)
	fill := func() (n int, err error) {
		for ; n < 100; n++ {
			if err := box.Append(encoded(t, body), capacity, false); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	if n, err := fill(); !errors.Is(err, ErrFull) || n < 15 || n > 20 {
		t.Fatalf("%d beacons of 10 KiB in 200 KiB, then %v", n, err)
	}
	// Its writer still runs: delivered beacons make room all the same.
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	for _, e := range entries {
		c.Finish(Delivered, "", e)
	}
	bodies(t, c)
	time.Sleep(refusedPause)
	if n, err := fill(); !errors.Is(err, ErrFull) || n < 15 {
		t.Errorf("after delivery: %d more, %v", n, err)
	}
	// Without dead/ the room is the same.
	os.RemoveAll(filepath.Join(box.Dir(), deadName))
	if n, err := fill(); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("without dead/: %d more, %v", n, err)
	}
}

func TestAnOutboxDeletedUnderItsWriter(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "gone")
	// Its deliverer does not disturb that of the next one.
	before := claim(t, box)
	defer before.Release()
	if lock, err := box.TryLock(); lock != nil || err != nil {
		t.Fatal(lock, err)
	}
	if err := os.RemoveAll(box.Dir()); err != nil {
		t.Fatal(err)
	}
	appendAll(t, box, "kept")
	c := claim(t, box)
	defer c.Release()
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[kept]" {
		t.Errorf("read back: %v", got)
	}
}

func TestAnOutboxThatIsNotOursIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no owners and links here")
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenOutbox(link); err == nil || !strings.Contains(err.Error(), "link") {
		t.Errorf("a link: %v", err)
	}
	if os.Geteuid() == 0 {
		other := filepath.Join(dir, "other")
		os.Mkdir(other, 0o700)
		os.Chown(other, 12345, 12345)
		if _, err := OpenOutbox(other); err == nil || !strings.Contains(err.Error(), "belongs") {
			t.Errorf("somebody else's: %v", err)
		}
	}
	full := filepath.Join(dir, "full")
	os.MkdirAll(filepath.Join(full, "other"), 0o755)
	if _, err := OpenOutbox(full); err == nil || !strings.Contains(err.Error(), "other things") {
		t.Errorf("a directory in use: %v", err)
	}
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o755)
	if _, err := OpenOutbox(open); err != nil {
		t.Error(err)
	}
	if info, _ := os.Stat(open); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestALinkIsNotFollowed puts links where files of the outbox are expected: nothing is read
// or made where they lead to.
func TestALinkIsNotFollowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no links here")
	}
	box := newOutbox(t)
	appendAll(t, box, "x")
	c := claim(t, box)
	_, entries := bodies(t, c)
	elsewhere := t.TempDir()
	link := func(path string) (to string) {
		to = filepath.Join(elsewhere, filepath.Base(path))
		os.Rename(path, to)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return to
	}
	link(entries[0].seg.path)
	if _, _, err := c.Take(entries[0].Place()); err == nil {
		t.Error("the segment is a link, and was read")
	}
	to := link(ledgerPath(entries[0].seg.path))
	if err := c.Finish(Delivered, "", entries...); err == nil {
		t.Error("the ledger is a link, and was written to")
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a ledger was made where the link leads to")
	}
	c.Release()
	link(filepath.Join(box.Dir(), lockName))
	if lock, err := box.TryLock(); err == nil {
		lock.Close()
		t.Error("the lock is a link, and was taken")
	}
}

func TestAppend_SmallSegments_EachCountsAsABlock(t *testing.T) {
	box := newOutbox(t)
	const small = 1 << 20
	var segments []string
	for i := range small / leastSegment {
		path := filepath.Join(box.Dir(), fmt.Sprintf("20260101T000000.000000Z-1-%08x.warc", i))
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		segments = append(segments, path)
	}
	if err := box.Append(encoded(t, "x"), small, false); !errors.Is(err, ErrFull) {
		t.Errorf("with %d segments: %v, want ErrFull", len(segments), err)
	}
	for _, path := range segments {
		os.Remove(path)
	}
	if err := box.Append(encoded(t, "x"), small, false); !errors.Is(err, ErrFull) {
		t.Errorf("within %v it is measured again: %v", refusedPause, err)
	}
	time.Sleep(refusedPause)
	if err := box.Append(encoded(t, "x"), small, false); err != nil {
		t.Error(err)
	}
}

func BenchmarkAppend_Full_IsRefused(b *testing.B) {
	box, err := OpenOutbox(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	for i := range 4000 {
		if err := os.WriteFile(filepath.Join(box.Dir(), fmt.Sprintf("20260101T000000.000000Z-1-%08x.warc", i)), []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	record := make([]byte, 600)
	for b.Loop() {
		if err := box.Append(record, 8<<20, false); !errors.Is(err, ErrFull) {
			b.Fatal(err)
		}
	}
}

func TestWaitingCountsOwnBeaconsWithoutOutcome(t *testing.T) {
	box := newOutbox(t) // segments of 64 KiB
	big := strings.Repeat("x", 40<<10)
	appendAll(t, box, big, big, big)
	other, err := OpenOutbox(box.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	appendAll(t, other, "not mine")
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	for left := 3; left > 0; left-- {
		if n, err := box.Waiting(); n != left || err != nil {
			t.Errorf("%d waiting, want %d (%v)", n, left, err)
		}
		c.Finish(Delivered, "", entries[3-left])
		bodies(t, c)
	}
	if n, err := box.Waiting(); n != 0 || err != nil {
		t.Errorf("%d waiting at the end (%v)", n, err)
	}
}
