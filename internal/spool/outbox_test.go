package spool

import (
	"bytes"
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

func newOutbox(t testing.TB) *Outbox {
	t.Helper()
	box, err := OpenOutbox(filepath.Join(t.TempDir(), "outbox"))
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

func TestADelivererFollowsALiveWriterAndAdoptsADeadOne(t *testing.T) {
	box := newOutbox(t)
	c := claim(t, box)
	appendAll(t, box, "a", "b")
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[a b]" {
		t.Errorf("first scan: %v", got)
	}
	appendAll(t, box, "c")
	got, entries := bodies(t, c)
	if fmt.Sprint(got) != "[c]" {
		t.Errorf("second scan: %v", got)
	}
	if err := c.Finish(entries[0], Delivered, "204 No Content"); err != nil {
		t.Fatal(err)
	}
	c.Release()

	// The next deliverer is shown what has no outcome.
	c = claim(t, box)
	defer c.Release()
	got, entries = bodies(t, c)
	if fmt.Sprint(got) != "[a b]" {
		t.Errorf("next deliverer: %v", got)
	}
	for _, e := range entries {
		c.Finish(e, Delivered, "")
	}
	if names, _ := listSegments(osFS{}, box.Dir()); len(names) != 1 {
		t.Errorf("a live writer's segment must stay: %v", names)
	}
	box.w.close()
	bodies(t, c)
	if names, _ := listSegments(osFS{}, box.Dir()); len(names) != 0 {
		t.Errorf("a finished segment without a writer must go: %v", names)
	}
	if s := status(t, box); s.Outcomes[Delivered] != 3 || s.Accepted() != 3 {
		t.Errorf("%+v", s)
	}
}

func TestOneDelivererAtATime(t *testing.T) {
	box := newOutbox(t)
	other, err := OpenOutbox(box.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c := claim(t, box)
	if lock, err := other.TryLock(); lock != nil || err != nil {
		t.Errorf("a second holder: %v %v", lock, err)
	}
	c.Release()
	lock, err := other.TryLock()
	if lock == nil || err != nil {
		t.Fatalf("not free after release: %v", err)
	}
	lock.Close()
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
	// Its writer lives and has more to send: what is delivered makes room all the same.
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	for _, e := range entries {
		c.Finish(e, Delivered, "")
	}
	bodies(t, c)
	if n, err := fill(); !errors.Is(err, ErrFull) || n < 15 {
		t.Errorf("after delivery: %d more, %v", n, err)
	}
	// Without the folder of the dead there is no more room than with it.
	os.RemoveAll(filepath.Join(box.Dir(), deadName))
	if n, err := fill(); n != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("without dead/: %d more, %v", n, err)
	}
}

func TestTheDiskTakesNothing(t *testing.T) {
	for _, why := range []error{errNoSpace, errors.New("disk quota exceeded"), errors.New("read-only file system"), errors.New("input/output error")} {
		bad := false
		fsys := &faultFS{
			cut: func(name string) int {
				if bad && isSegment(name) && why == errNoSpace {
					return 40 // a part of the record still goes in
				}
				return -1
			},
			fail: func(op, _ string) error {
				if bad && (op == "write" || op == "open") && why != errNoSpace {
					return why
				}
				return nil
			},
		}
		box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "o"))
		if err != nil {
			t.Fatal(err)
		}
		defer box.Close()
		appendAll(t, box, "before")
		bad = true
		for range 3 {
			if err := box.Append(encoded(t, "lost"), capacity, false); !errors.Is(err, why) {
				t.Fatalf("%v: %v", why, err)
			}
		}
		bad = false
		appendAll(t, box, "after")
		c := claim(t, box)
		defer c.Release()
		if got, _ := bodies(t, c); fmt.Sprint(got) != "[before after]" {
			t.Errorf("%v: read back: %v", why, got)
		}
		if s := status(t, box); s.Dead() != 0 || s.Pending != 2 {
			t.Errorf("%v: %+v", why, s)
		}
	}
}

func TestWhatCantBeCutOffAgainEndsTheSegmentQuietly(t *testing.T) {
	bad := false
	fsys := &faultFS{
		cut: func(string) int {
			if bad {
				return 40
			}
			return -1
		},
		fail: func(op, _ string) error {
			if bad && op == "truncate" {
				return errors.New("input/output error")
			}
			return nil
		},
	}
	box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "o"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	appendAll(t, box, "before")
	bad = true
	if err := box.Append(encoded(t, "lost"), capacity, false); err == nil {
		t.Fatal("kept on a bad disk")
	}
	bad = false
	appendAll(t, box, "after")
	c := claim(t, box)
	defer c.Release()
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[before after]" {
		t.Errorf("read back: %v", got)
	}
	if s := status(t, box); s.Dead() != 0 {
		t.Errorf("a cut-short end was counted: %+v", s)
	}
}

func TestPowerDurabilityReportsAFailedSync(t *testing.T) {
	bad := true
	fsys := &faultFS{fail: func(op, name string) error {
		if bad && op == "sync" && isSegment(name) {
			return errors.New("input/output error")
		}
		return nil
	}}
	box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "o"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := box.Append(encoded(t, "x"), capacity, true); err == nil {
		t.Error("kept without a sync")
	}
	bad = false
	appendAll(t, box, "y")
	if names, _ := listSegments(osFS{}, box.Dir()); len(names) != 2 {
		t.Errorf("after a failed sync nothing more may go into the segment: %v", names)
	}
}

func TestAnOutboxDeletedUnderItsWriter(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "gone")
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

// TestDamage damages a segment of three records in every way that a disk or a person can
// think of: the other records are delivered, and what was damaged is counted and kept.
func TestDamage(t *testing.T) {
	one, two, three := encoded(t, "one"), encoded(t, "two"), encoded(t, "three")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[(at+len(b))%len(b)] ^= 0x10
		return b
	}
	length := func(b []byte, digits string) []byte {
		return bytes.Replace(b, []byte("Content-Length: 00000"), []byte("Content-Length: "+digits), 1)
	}
	for _, c := range []struct {
		name    string
		content []byte
		found   string
		corrupt int64
	}{
		{"nothing", join(one, two, three), "[one two three]", 0},
		{"end cut short", join(one, two, three[:len(three)-9]), "[one two]", 0},
		{"end cut short in the header", join(one, two, three[:30]), "[one two]", 0},
		{"a bit in a body", join(one, flip(two, -6), three), "[one three]", 1},
		{"a bit in a header", join(one, flip(two, 60), three), "[one three]", 1},
		{"a bit in the first byte of all", join(flip(one, 0), two, three), "[two three]", 1},
		{"a bit in the end mark", join(one, flip(two, -1), three), "[one two three]", 0},
		{"a length too long by far", join(one, length(two, "99999"), three), "[one three]", 1},
		{"a length a little too long", join(one, length(two, "00001"), three), "[one three]", 1},
		{"a record cut out of the middle", join(one, two[:100], three), "[one three]", 1},
		{"garbage in the middle", join(one, bytes.Repeat([]byte{0}, 5000), three), "[one three]", 1},
		{"garbage at the end", join(one, two, bytes.Repeat([]byte("z"), 500)), "[one two]", 1},
		{"nothing but garbage", bytes.Repeat([]byte("alien "), 100), "[]", 1},
		{"an empty file", nil, "[]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := newOutbox(t)
			path := filepath.Join(box.Dir(), "20260101T000000.000000Z-1-aa.warc")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			old := time.Now().Add(-time.Hour)
			os.Chtimes(path, old, old)
			before := status(t, box)
			cl := claim(t, box)
			got, entries := bodies(t, cl)
			if fmt.Sprint(got) != c.found {
				t.Errorf("found %v, want %v", got, c.found)
			}
			for _, e := range entries {
				cl.Finish(e, Delivered, "")
			}
			bodies(t, cl)
			if err := cl.Release(); err != nil {
				t.Fatal(err)
			}
			s := status(t, box)
			if s.Outcomes[Corrupt] != c.corrupt || s.Pending != 0 || s.Accepted() != before.Accepted() {
				t.Errorf("%+v, before %+v", s, before)
			}
			if (s.DeadFiles > 0) != (c.corrupt > 0) {
				t.Errorf("%d files in dead/", s.DeadFiles)
			}
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("the finished segment is still there: %v", err)
			}
		})
	}
}

func TestALedgerCutShort(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "a", "b", "c")
	c := claim(t, box)
	_, entries := bodies(t, c)
	for _, e := range entries {
		c.Finish(e, Delivered, "204")
	}
	path := entries[0].seg.ledger.path
	c.Release()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The last line was being written.
	if err := os.WriteFile(path, text[:len(text)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	c = claim(t, box)
	got, entries := bodies(t, c)
	if fmt.Sprint(got) != "[c]" {
		t.Fatalf("pending: %v", got)
	}
	c.Finish(entries[0], Refused, "400\nBad\rRequest")
	c.Release()
	if s := status(t, box); s.Outcomes[Delivered] != 2 || s.Outcomes[Refused] != 1 || s.Accepted() != 3 {
		t.Errorf("%+v", s)
	}
}

func TestTheDeadAreKeptWithTheReasonAndCanComeBack(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "a", "b")
	c := claim(t, box)
	_, entries := bodies(t, c)
	r, err := c.Read(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Bury(entries[0], r, Refused, "400 Bad Request"); err != nil {
		t.Fatal(err)
	}
	c.Finish(entries[1], Delivered, "")
	c.Release()
	dead, _ := filepath.Glob(filepath.Join(box.Dir(), deadName, "*.warc"))
	if len(dead) != 1 {
		t.Fatalf("%v", dead)
	}
	if text, _ := os.ReadFile(dead[0]); !strings.Contains(string(text), "Beacon-Outcome: refused 400 Bad Request\r\n") {
		t.Errorf("%q", text)
	}
	c = claim(t, box)
	n, err := c.Revive(func(*warc.Record) {})
	if n != 1 || err != nil {
		t.Fatalf("%d revived, %v", n, err)
	}
	got, _ := bodies(t, c)
	c.Release()
	if s := status(t, box); fmt.Sprint(got) != "[a]" || s.Accepted() != 2 || s.Pending != 1 || s.Dead() != 0 {
		t.Errorf("%v %+v", got, s)
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
		c.Finish(entries[3-left], Delivered, "")
		bodies(t, c)
	}
	if n, err := box.Waiting(); n != 0 || err != nil {
		t.Errorf("%d waiting at the end (%v)", n, err)
	}
}

func TestWhoFoundTheLockHeldIsNotForgotten(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "seen")
	c := claim(t, box)
	bodies(t, c)
	// A sender appends, finds the lock held, and goes.
	late, err := OpenOutbox(box.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if lock, _ := late.TryLock(); lock != nil {
		t.Fatal("the lock was free")
	}
	c.Release()
	if c.Missed() {
		t.Error("missed what it has seen")
	}
	c = claim(t, box)
	bodies(t, c)
	appendAll(t, late, "late")
	c.Release()
	if !c.Missed() {
		t.Error("a record that came after the last look was forgotten")
	}
}

func TestLookingAtTheStatusTakesNobodysPlace(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "x")
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				ReadStatus(box.Dir())
			}
		}
	}()
	for range 2000 {
		lock, err := box.TryLock()
		if lock == nil || err != nil {
			t.Fatalf("the lock was not free: %v", err)
		}
		lock.Close()
	}
	close(stop)
	<-done
	c := claim(t, box)
	if !status(t, box).Held {
		t.Error("somebody delivers, and the status does not say so")
	}
	c.Release()
	if status(t, box).Held {
		t.Error("nobody delivers, and the status says so")
	}
}

func TestAClaimEndsWithItsOutbox(t *testing.T) {
	box := newOutbox(t)
	c := claim(t, box)
	defer c.Release()
	if err := os.RemoveAll(box.Dir()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Scan(nil); !errors.Is(err, ErrLost) {
		t.Errorf("deleted: %v", err)
	}
	appendAll(t, box, "in the next one")
	if _, err := c.Scan(nil); !errors.Is(err, ErrLost) {
		t.Errorf("replaced: %v", err)
	}
}

func TestOneBadSegmentHoldsUpNoOther(t *testing.T) {
	var bad string
	fsys := &faultFS{fail: func(op, name string) error {
		if name == bad && op == "open" {
			return errors.New("permission denied")
		}
		return nil
	}}
	box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "o"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	appendAll(t, box, "bad")
	bad = box.w.last
	box.w.next()
	appendAll(t, box, "good")
	c := claim(t, box)
	defer c.Release()
	var got []string
	_, err = c.Scan(func(_ Entry, r *warc.Record) bool { got = append(got, string(r.Request.Body)); return true })
	if err == nil || fmt.Sprint(got) != "[good]" {
		t.Errorf("%v, %v", got, err)
	}
	if c.Missed() {
		t.Error("what was passed over counts as missed: its deliverer would never end")
	}
	bad = ""
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[bad]" {
		t.Errorf("when it can be read again: %v", got)
	}
}

func TestATallyDeletesNothingOutsideTheOutbox(t *testing.T) {
	box := newOutbox(t)
	victim := filepath.Join(filepath.Dir(box.Dir()), "victim.warc")
	os.WriteFile(victim, nil, 0o600)
	os.WriteFile(filepath.Join(box.Dir(), tallyName), []byte("delivered 3\nretired ../victim.warc\n"), 0o600)
	claim(t, box).Release()
	if _, err := os.Stat(victim); err != nil {
		t.Error(err)
	}
	if s := status(t, box); s.Outcomes[Delivered] != 3 {
		t.Errorf("%+v", s)
	}
}

func TestTheOldestOfTheDeadMakeRoom(t *testing.T) {
	box := newOutbox(t)
	dir := filepath.Join(box.Dir(), deadName)
	oldest, newest := filepath.Join(dir, "2025.warc"), filepath.Join(dir, "2026.warc")
	os.WriteFile(oldest, make([]byte, maxDead/2), 0o600)
	os.WriteFile(newest, make([]byte, maxDead/2), 0o600)
	appendAll(t, box, "x")
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	r, _ := c.Read(entries[0])
	if err := c.Bury(entries[0], r, Refused, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(oldest); err == nil {
		t.Error("the oldest is still there")
	}
	if _, err := os.Stat(newest); err != nil {
		t.Error(err)
	}
}

func TestTheDeadSurviveAPowerCutWhenTheirSegmentIsGone(t *testing.T) {
	fsys := &faultFS{}
	box, err := openOutbox(fsys, filepath.Join(t.TempDir(), "o"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 40 // of 60 kB: more than a segment of the dead
	for range n {
		if err := box.Append(encoded(t, strings.Repeat("x", 60_000)), capacity, true); err != nil {
			t.Fatal(err)
		}
	}
	box.Close()
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatal(err)
	}
	c, err := box.Claim(lock)
	if err != nil {
		t.Fatal(err)
	}
	_, entries := bodies(t, c)
	for _, e := range entries {
		r, err := c.Read(e)
		if err == nil {
			err = c.Bury(e, r, Refused, "400")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bodies(t, c) // retires
	lock.Close()
	fsys.powerCut()

	box, err = OpenOutbox(box.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	c = claim(t, box)
	defer c.Release()
	if got, err := c.Revive(func(*warc.Record) {}); got != n || err != nil {
		t.Errorf("%d of %d are there, %v", got, n, err)
	}
}

func TestWaitingCountsWhileASegmentEnds(t *testing.T) {
	var box *Outbox
	counted := -1
	fsys := &faultFS{}
	fsys.fail = func(op, name string) error {
		if op == "sync" && isSegment(name) && counted == 0 {
			fsys.mu.Unlock() // the step is this test's own
			counted, _ = box.Waiting()
			fsys.mu.Lock()
		}
		return nil
	}
	var err error
	if box, err = openOutbox(fsys, filepath.Join(t.TempDir(), "o")); err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for range 4 {
		if err := box.Append(encoded(t, "x"), capacity, true); err != nil {
			t.Fatal(err)
		}
	}
	box.w.mu.Lock()
	box.w.current.size++ // as if a record were not synced yet
	box.w.mu.Unlock()
	counted = 0
	box.w.next()
	if counted != 4 {
		t.Errorf("%d waiting while the segment is synced for the last time", counted)
	}
}

func TestASegmentThatSomebodyCutsShortUnderItsWriter(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "one", "two", "three")
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	for _, e := range entries {
		c.Finish(e, Delivered, "")
	}
	if err := os.Truncate(entries[0].seg.path, 0); err != nil {
		t.Fatal(err)
	}
	appendAll(t, box, "four")
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[four]" {
		t.Errorf("%v", got)
	}
}

func TestALockFileThatSomebodyDeletes(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "x")
	held := claim(t, box)
	if lock, _ := box.TryLock(); lock != nil {
		t.Fatal("the lock was free")
	}
	held.Release()
	os.Remove(filepath.Join(box.Dir(), lockName))
	c := claim(t, box)
	defer c.Release()
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[x]" {
		t.Errorf("%v", got)
	}
}
