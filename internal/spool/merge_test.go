package spool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// endedProcess returns the id of a process that has ended.
var endedProcess = sync.OnceValue(func() int {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		panic(err)
	}
	return cmd.Process.Pid
})

// leave writes a segment of a process that has ended, with one record for each body.
func leave(t testing.TB, dir string, pid int, bodies ...string) {
	t.Helper()
	s, err := createSegment(osFS{}, dir, newName(time.Now().UTC().Format(nameTime), pid))
	if err != nil {
		t.Fatal(err)
	}
	defer s.file.Close()
	for _, body := range bodies {
		if _, err := s.file.Write(encoded(t, body)); err != nil {
			t.Fatal(err)
		}
	}
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := listSegments(osFS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func body(t testing.TB, c *Claim, p Place) string {
	t.Helper()
	_, r, err := c.Take(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Request.Body)
}

func TestMerge_SegmentsOfEndedProcesses_BecomeOne(t *testing.T) {
	box := newOutbox(t)
	const n = 1000
	for i := range n {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
	}
	c := claim(t, box)
	sent, entries := bodies(t, c)
	before := status(t, box)
	if err := c.Merge(); err != nil {
		t.Fatal(err)
	}
	if names := segments(t, box.Dir()); len(names) != 1 {
		t.Fatalf("%d segments", len(names))
	}
	after := status(t, box)
	if after.Pending != n || after.Accepted() != n || after.Bytes > before.Bytes/4 || !after.Oldest.Equal(before.Oldest) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	bodies(t, c) // finds none again, see below
	for i, e := range entries {
		if got := body(t, c, e.Place()); got != sent[i] {
			t.Fatalf("record %d is %q, want %q", i, got, sent[i])
		}
		if i > 0 && (!entries[i-1].Place().Before(e.Place()) || !e.Beside(entries[i-1])) {
			t.Fatalf("record %d: the order or the segment is wrong", i)
		}
	}
	if s := status(t, box); s.Pending != n {
		t.Errorf("pending %d after another scan", s.Pending)
	}
	if err := c.Finish(Delivered, "204", entries[:n/2]...); err != nil {
		t.Fatal(err)
	}
	c.Release()
	if c.Missed() {
		t.Error("the merged segment counts as missed")
	}

	c = claim(t, box)
	got, entries := bodies(t, c)
	if !slices.Equal(got, sent[n/2:]) {
		t.Errorf("the next claim found %d records, from %v", len(got), got[:1])
	}
	c.Finish(Delivered, "204", entries...)
	c.Release()
	if s := status(t, box); s.Outcomes[Delivered] != n || s.Accepted() != n || len(segments(t, box.Dir())) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMerge_Scan_FindsNoRecordAgain(t *testing.T) {
	box := newOutbox(t)
	for range 4 {
		leave(t, box.Dir(), endedProcess(), "x")
	}
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	if err := c.merge(4); err != nil {
		t.Fatal(err)
	}
	leave(t, box.Dir(), endedProcess(), "new")
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[new]" {
		t.Errorf("found %v, want [new]", got)
	}
	// The claim keeps nothing of segments whose records are finished.
	c.Finish(Delivered, "", entries...)
	bodies(t, c)
	if left := slices.DeleteFunc(slices.Clone(c.segments), func(s *claimed) bool { return s == nil }); len(left) != 1 {
		t.Errorf("%d segments are kept in memory, want 1", len(left))
	}
}

func TestMerge_Again_KeepsOldPlaces(t *testing.T) {
	box := newOutbox(t)
	c := claim(t, box)
	defer c.Release()
	var sent []string
	var entries []Entry
	for round := range 3 {
		for i := range 4 {
			leave(t, box.Dir(), endedProcess(), fmt.Sprint(round, i, "a"), fmt.Sprint(round, i, "b"), fmt.Sprint(round, i, "c"))
		}
		b, e := bodies(t, c)
		for i := range e {
			if i%3 == 1 { // one in the middle is not copied
				c.Finish(Delivered, "", e[i])
				continue
			}
			sent, entries = append(sent, b[i]), append(entries, e[i])
		}
		if err := c.merge(4); err != nil {
			t.Fatal(err)
		}
		if names := segments(t, box.Dir()); len(names) != 1 {
			t.Fatalf("round %d: %d segments", round, len(names))
		}
	}
	for i, e := range entries {
		if got := body(t, c, e.Place()); got != sent[i] {
			t.Errorf("record %d is %q, want %q", i, got, sent[i])
		}
	}
	if s := status(t, box); s.Pending != 24 || s.Outcomes[Delivered] != 12 {
		t.Errorf("%+v", s)
	}
	c.Finish(Delivered, "", entries...)
	bodies(t, c)
	if s := status(t, box); s.Outcomes[Delivered] != 36 || s.Accepted() != 36 || len(segments(t, box.Dir())) != 0 {
		t.Errorf("%+v", s)
	}
	if left := slices.DeleteFunc(slices.Clone(c.segments), func(s *claimed) bool { return s == nil }); len(left) != 0 {
		t.Errorf("%d segments are kept in memory", len(left))
	}
}

func TestMerge_OutcomesBeforeAndAfter_CountOnce(t *testing.T) {
	box := newOutbox(t)
	for i := range 4 {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("c", i))
	}
	c := claim(t, box)
	_, entries := bodies(t, c)
	bury := func(e Entry, o Outcome) {
		t.Helper()
		_, r, err := c.Take(e.Place())
		if err == nil {
			err = c.Bury(e, r, o, "why")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.Finish(Delivered, "", entries[0])
	bury(entries[4], Refused)
	if err := c.merge(4); err != nil {
		t.Fatal(err)
	}
	want := func(pending int64, outcomes string) {
		t.Helper()
		if s := status(t, box); s.Pending != pending || fmt.Sprint(s.Outcomes) != outcomes || s.Accepted() != 12 {
			t.Errorf("%+v, want %d pending and %s", s, pending, outcomes)
		}
	}
	if names := segments(t, box.Dir()); len(names) != 1 {
		t.Fatalf("%d segments", len(names))
	}
	want(10, "map[corrupt:0 delivered:1 dropped:0 expired:0 purged:0 refused:1]")
	c.Finish(Delivered, "", entries[1])
	bury(entries[5], Expired)
	seg, off := entries[11].at()
	b, err := os.ReadFile(seg.path)
	if err != nil {
		t.Fatal(err)
	}
	b[off+int64(entries[11].size)-6] ^= 1
	if err := os.WriteFile(seg.path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err = c.Take(entries[11].Place()); err == nil {
		t.Fatal("the damaged record was read")
	}
	if err := c.BuryDamaged(entries[11], err); err != nil {
		t.Fatal(err)
	}
	want(7, "map[corrupt:1 delivered:2 dropped:0 expired:1 purged:0 refused:1]")
	c.Release()

	c = claim(t, box)
	got, entries := bodies(t, c)
	if fmt.Sprint(got) != "[c0 a1 a2 b2 c2 a3 b3]" {
		t.Errorf("the next claim found %v", got)
	}
	c.Finish(Delivered, "", entries...)
	c.Release()
	if n := len(segments(t, box.Dir())); n != 0 {
		t.Errorf("%d segments are left", n)
	}
}

func TestAlive_EndedProcessAndGroups_False(t *testing.T) {
	pids := map[int]bool{os.Getpid(): true, os.Getppid(): true, endedProcess(): false, noWriter: false}
	if runtime.GOOS != "windows" {
		pids[1] = true // of another user, if the test is not root's
	}
	for pid, want := range pids {
		if got := alive(pid); got != want {
			t.Errorf("alive(%d) = %v", pid, got)
		}
	}
}

func TestWriterOf_Names(t *testing.T) {
	for name, want := range map[string]int{
		newName("20260101T000000.000000Z", 4711): 4711,
		segmentName(time.Now(), ""):              os.Getpid(),
		"20260101T000000.000000Z-0-aa.warc":      0,
		"20260101T000000.000000Z.warc":           -1,
		"20260101T000000.000000Z (copy).warc":    -1,
		"20260101T000000.000000Z-x-aa.warc":      -1,
		"20260101T000000.000000Z--1-aa.warc":     -1,
		"20260101T000000.000000Z-4294967297-aa":  -1,
		"x.warc":                                 -1,
	} {
		got, ok := writerOf(name)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("writerOf(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestMerge_OtherSegments_AreLeftAlone(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, box *Outbox) // makes segments that stay
		stay   int
	}{
		{"of a live process", func(t *testing.T, box *Outbox) {
			for i := range 3 {
				appendAll(t, box, fmt.Sprint("own", i))
				box.w.next()
			}
			if n, err := box.Waiting(); n != 3 || err != nil {
				t.Errorf("%d waiting, %v", n, err)
			}
		}, 3},
		{"large", func(t *testing.T, box *Outbox) {
			leave(t, box.Dir(), endedProcess(), strings.Repeat("x", smallSegment))
		}, 1},
		{"with a record of another one", func(t *testing.T, box *Outbox) {
			leave(t, box.Dir(), endedProcess(), "twice")
			of := filepath.Join(box.Dir(), segments(t, box.Dir())[4])
			b, err := os.ReadFile(of)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(box.Dir(), newName("20990101T000000.000000Z", endedProcess()))
			if err := os.WriteFile(copied, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"with another name", func(t *testing.T, box *Outbox) {
			if err := os.WriteFile(filepath.Join(box.Dir(), "mine.warc"), encoded(t, "x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			box := newOutbox(t)
			for i := range 4 {
				leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
			}
			test.change(t, box)
			c := claim(t, box)
			defer c.Release()
			_, entries := bodies(t, c)
			accepted := status(t, box).Accepted()
			if err := c.merge(4); err != nil {
				t.Fatal(err)
			}
			if names := segments(t, box.Dir()); len(names) != 1+test.stay {
				t.Errorf("%d segments, want %d: %v", len(names), 1+test.stay, names)
			}
			for _, e := range entries {
				body(t, c, e.Place())
			}
			if s := status(t, box); s.Pending != accepted || s.Accepted() != accepted {
				t.Errorf("%+v, want %d pending", s, accepted)
			}
		})
	}
}

func TestMerge_LiveWriter_StillCountsItsBeacons(t *testing.T) {
	box := newOutbox(t)
	for i := range 300 {
		appendAll(t, box, fmt.Sprint(i))
		box.w.next()
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	if err := c.Merge(); err != nil {
		t.Fatal(err)
	}
	if n, err := box.Waiting(); n != 300 || err != nil {
		t.Errorf("%d waiting, %v", n, err)
	}
}

func TestMerge_FewSegments_DoesNothing(t *testing.T) {
	box := newOutbox(t)
	for range mergeLeast - 1 {
		leave(t, box.Dir(), endedProcess(), "x")
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	if err := c.Merge(); err != nil {
		t.Fatal(err)
	}
	if n := len(segments(t, box.Dir())); n != mergeLeast-1 {
		t.Errorf("%d segments", n)
	}
}

func TestMerge_ScanStoppedEarly_TakesOnlyWhatWasRead(t *testing.T) {
	box := newOutbox(t)
	for i := range 6 {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
	}
	c := claim(t, box)
	defer c.Release()
	var got []string
	scan := func(stop int) {
		t.Helper()
		if _, err := c.Scan(func(_ Entry, r *warc.Record) bool {
			got = append(got, string(r.Request.Body))
			return len(got) != stop
		}); err != nil {
			t.Fatal(err)
		}
	}
	scan(8) // "3b" is the last record of its segment
	if err := c.merge(3); err != nil {
		t.Fatal(err)
	}
	if n := len(segments(t, box.Dir())); n != 4 {
		t.Errorf("%d segments, want one for three, and three others", n)
	}
	scan(0)
	if fmt.Sprint(got) != "[0a 0b 1a 1b 2a 2b 3a 3b 4a 4b 5a 5b]" {
		t.Errorf("found %v", got)
	}
}

func TestMerge_SegmentChangedAfterScan_IsLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(path string) error
		lost   []int
	}{
		"cut short": {func(path string) error { return os.Truncate(path, 600) }, []int{5}},
		"deleted":   {os.Remove, []int{4, 5}},
		"a bit": {func(path string) error {
			b, err := os.ReadFile(path)
			if err == nil {
				b[len(b)-6] ^= 1
				err = os.WriteFile(path, b, 0o600)
			}
			return err
		}, []int{5}},
	} {
		t.Run(name, func(t *testing.T) {
			box := newOutbox(t)
			for i := range 6 {
				leave(t, box.Dir(), endedProcess(), fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
			}
			c := claim(t, box)
			defer c.Release()
			_, entries := bodies(t, c)
			if size := entries[4].size; size < 300 || size > 599 {
				t.Fatalf("a record of %d bytes is not cut where it should be", size)
			}
			if err := test.damage(entries[4].seg.path); err != nil {
				t.Fatal(err)
			}
			if err := c.merge(6); err != nil {
				t.Fatal(err)
			}
			for i, e := range entries {
				if _, _, err := c.Take(e.Place()); (err != nil) != slices.Contains(test.lost, i) {
					t.Errorf("record %d: %v", i, err)
				}
			}
			if seg, _ := entries[4].at(); seg != entries[4].seg || !entries[0].Beside(entries[11]) {
				t.Error("the wrong segments were merged")
			}
		})
	}
}

func TestMerge_ReplacedOutbox_ReturnsErrLost(t *testing.T) {
	box := newOutbox(t)
	for range 4 {
		leave(t, box.Dir(), endedProcess(), "x")
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	os.RemoveAll(box.Dir())
	appendAll(t, box, "in the next one")
	if err := c.merge(4); !errors.Is(err, ErrLost) {
		t.Errorf("%v, want ErrLost", err)
	}
	if names := segments(t, box.Dir()); len(names) != 1 {
		t.Errorf("%v", names)
	}
}

// A history is an outbox with five segments of ended processes, of two records each, and a claim that merges
// them in two steps and finishes some records before, between and after.
type history struct {
	dir      string
	all      map[uuid.UUID]bool
	begun    map[uuid.UUID]bool    // an outcome may have been written
	finished map[uuid.UUID]Outcome // that was written
	mergeErr error

	merging  bool
	onMerged func(c *Claim, waiting []Entry, err error) // may be nil
}

func newHistory(t testing.TB, dir string) *history {
	h := &history{dir: dir, all: map[uuid.UUID]bool{}, begun: map[uuid.UUID]bool{}, finished: map[uuid.UUID]Outcome{}}
	box, err := openOutbox(&faultFS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	box.Close()
	for i := range 5 {
		leave(t, dir, endedProcess(), fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
	}
	if err := List(dir, false, func(l *Listed) bool { h.all[l.Record.ID] = true; return true }); err != nil || len(h.all) != 10 {
		t.Fatal(len(h.all), err)
	}
	return h
}

// run does all steps on fsys until one fails. Errors of a merge don't end it.
func (h *history) run(fsys fileSystem) error {
	box, err := openOutbox(fsys, h.dir)
	if err != nil {
		return err
	}
	defer box.Close()
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		return fmt.Errorf("lock: %v, %v", lock, err)
	}
	defer lock.Close()
	c, err := box.Claim(lock)
	if err != nil {
		return err
	}
	var entries []Entry
	scan := func(until int) error {
		_, err := c.Scan(func(e Entry, _ *warc.Record) bool {
			entries = append(entries, e)
			return len(entries) < until
		})
		return err
	}
	finish := func(i int, o Outcome) error {
		_, r, err := c.Take(entries[i].Place())
		if err != nil {
			return err
		}
		h.begun[r.ID] = true
		if o == Delivered {
			err = c.Finish(o, "204", entries[i])
		} else {
			err = c.Bury(entries[i], r, o, "why")
		}
		if err == nil {
			h.finished[r.ID] = o
		}
		return err
	}
	merge := func() error {
		c.mergeAt = time.Time{}
		h.merging = true
		err := c.merge(3)
		h.merging = false
		h.mergeErr = errors.Join(h.mergeErr, err)
		if h.onMerged != nil {
			h.onMerged(c, slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return h.finished[e.ID] != "" }), err)
		}
		return nil
	}
	for _, step := range []func() error{
		func() error { return scan(7) }, // three segments and a half
		func() error { return finish(0, Delivered) },
		func() error { return finish(3, Refused) },
		merge,
		func() error { return finish(1, Delivered) },
		func() error { return scan(100) },
		func() error { return finish(6, Delivered) },
		merge,
		func() error { return finish(4, Delivered) },
		func() error { return finish(9, Refused) },
		c.Release,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(entries) != 10 {
		return fmt.Errorf("found %d records", len(entries))
	}
	return nil
}

// check compares the outbox with the history, then delivers the rest and compares again.
func (h *history) check(t *testing.T, what string, powerCut bool) {
	t.Helper()
	s, err := ReadStatus(h.dir)
	if err != nil || s.Accepted() != 10 {
		t.Errorf("%s: accepted %d (%v): %+v", what, s.Accepted(), err, s)
	}
	listed, dead := map[uuid.UUID]int{}, map[uuid.UUID]bool{}
	if err := List(h.dir, true, func(l *Listed) bool {
		if l.Outcome != "" {
			dead[l.Record.ID] = true
		} else {
			listed[l.Record.ID]++
		}
		return true
	}); err != nil || int64(len(listed)) != s.Pending {
		t.Errorf("%s: %d are listed, %d pending (%v)", what, len(listed), s.Pending, err)
	}
	if Pending(h.dir) != (s.Pending > 0) {
		t.Errorf("%s: Pending is %v, and %d are", what, Pending(h.dir), s.Pending)
	}
	box, err := openOutbox(&faultFS{}, h.dir) // real syncs would take most of the time
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	c := claim(t, box)
	found := map[uuid.UUID]int{}
	_, err = c.Scan(func(e Entry, _ *warc.Record) bool {
		found[e.ID]++
		return c.Finish(Delivered, "", e) == nil
	})
	if err = errors.Join(err, c.Release()); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for id := range h.all {
		switch n := found[id]; {
		case n > 1:
			t.Errorf("%s: a record was found %d times", what, n)
		case n == 0 && !h.begun[id]:
			t.Errorf("%s: a record is lost", what)
		case n == 0 && h.finished[id] != "" && h.finished[id] != Delivered && !dead[id]:
			t.Errorf("%s: a buried record is lost", what)
		case n == 1 && h.finished[id] != "" && !powerCut: // a power cut takes outcomes, which are not synced
			t.Errorf("%s: a finished record is delivered again", what)
		case n != listed[id]:
			t.Errorf("%s: found %d times, listed %d times", what, n, listed[id])
		}
	}
	s, err = ReadStatus(h.dir)
	if err != nil || s.Accepted() != 10 || s.Pending != 0 || len(segments(t, h.dir)) != 0 {
		t.Errorf("%s: at the end %+v (%v), segments %v", what, s, err, segments(t, h.dir))
	}
}

// steps returns how many steps the history has, and runs it once to check it.
func steps(t *testing.T) int {
	h, fsys := newHistory(t, t.TempDir()), &faultFS{}
	if err := errors.Join(h.run(fsys), h.mergeErr); err != nil {
		t.Fatal(err)
	}
	fsys.die()
	if names := segments(t, h.dir); len(names) != 1 || len(h.finished) != 6 {
		t.Fatalf("%d segments, %d finished", len(names), len(h.finished))
	}
	h.check(t, "without a fault", false)
	return fsys.steps
}

func TestMerge_KillAtAnyStep_KeepsEachRecordOnce(t *testing.T) {
	for at := range steps(t) + 1 {
		h, fsys := newHistory(t, t.TempDir()), &faultFS{crashAt: at + 1}
		h.run(fsys)
		fsys.die()
		h.check(t, fmt.Sprint("kill at ", at+1), false)
	}
}

func TestMerge_PowerCutAtAnyStep_KeepsEachRecordOnce(t *testing.T) {
	n := steps(t)
	for what, cut := range map[string]func(t *testing.T, dir string, fsys *faultFS){
		"power cut": func(_ *testing.T, _ string, fsys *faultFS) { fsys.powerCut() },
		"power cut when of the names only the tally's is on disk": func(_ *testing.T, dir string, fsys *faultFS) {
			delete(fsys.fresh, filepath.Join(dir, tallyName))
			fsys.powerCut()
		},
		"power cut when of the names only the tally's is not on disk": func(_ *testing.T, dir string, fsys *faultFS) {
			for name := range fsys.fresh {
				if name != filepath.Join(dir, tallyName) {
					delete(fsys.fresh, name)
				}
			}
			fsys.powerCut()
		},
		"kill, and power cut when the next claim begins": func(t *testing.T, dir string, fsys *faultFS) {
			fsys.die()
			next := &faultFS{files: fsys.files, fresh: fsys.fresh}
			box, err := openOutbox(next, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			claim(t, box).lock.Close()
			next.powerCut()
		},
	} {
		t.Run(what, func(t *testing.T) {
			for at := range n + 1 {
				h, fsys := newHistory(t, t.TempDir()), &faultFS{crashAt: at + 1}
				h.run(fsys)
				cut(t, h.dir, fsys)
				h.check(t, fmt.Sprint("at ", at+1), true)
			}
		})
	}
}

func TestMerge_ErrorAtAnyStep_KeepsEachRecordOnce(t *testing.T) {
	for at := range steps(t) {
		h, fsys := newHistory(t, t.TempDir()), &faultFS{}
		step, failed := 0, false
		fsys.fail = func(op, name string) error {
			if step++; step == at+1 {
				failed = h.merging
				return fmt.Errorf("%s %s: %w", op, name, errNoSpace)
			}
			return nil
		}
		h.onMerged = func(c *Claim, waiting []Entry, err error) {
			if failed && err == nil {
				t.Errorf("error at %d: not returned", at+1)
			}
			failed = false
			if s, err := ReadStatus(h.dir); err != nil || s.Accepted() != 10 {
				t.Errorf("error at %d: after it %+v (%v)", at+1, s, err)
			}
			if err == nil {
				return
			}
			for _, e := range waiting {
				if _, _, err := c.Take(e.Place()); err != nil {
					t.Errorf("error at %d: a place is lost: %v", at+1, err)
				}
			}
		}
		h.run(fsys)
		fsys.die()
		h.check(t, fmt.Sprint("error at ", at+1), false)
	}
}

func TestMerge_FullDisk_ChangesNothing(t *testing.T) {
	for _, room := range []int{0, 100, 1000} { // bytes of each write
		full := false
		box := newOutboxOn(t, &faultFS{cut: func(name string) int {
			if full && (room == 0 || isSegment(name)) {
				return room
			}
			return -1
		}})
		for i := range 6 {
			leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
		}
		c := claim(t, box)
		sent, entries := bodies(t, c)
		names := segments(t, box.Dir())
		full = true
		if err := c.merge(6); !errors.Is(err, errNoSpace) {
			t.Errorf("room for %d: %v, want errNoSpace", room, err)
		}
		if got := segments(t, box.Dir()); !slices.Equal(got, names) {
			t.Errorf("room for %d: segments %v, want %v", room, got, names)
		}
		for i, e := range entries {
			if got := body(t, c, e.Place()); got != sent[i] {
				t.Errorf("record %d is %q", i, got)
			}
		}
		if s := status(t, box); s.Pending != 6 || s.Accepted() != 6 {
			t.Errorf("%+v", s)
		}
		full = false
		if err := c.merge(6); err != nil || len(segments(t, box.Dir())) != 6 {
			t.Errorf("within %v it is tried again: %v", mergePause, err)
		}
		c.mergeAt = time.Now()
		if err := c.merge(6); err != nil || len(segments(t, box.Dir())) != 1 {
			t.Errorf("with room again: %v", err)
		}
		c.Finish(Delivered, "", entries...)
		c.Release()
		if s := status(t, box); s.Outcomes[Delivered] != 6 || s.Accepted() != 6 {
			t.Errorf("%+v", s)
		}
	}
}

func TestList_MergeMeanwhile_ListsEachRecordOnce(t *testing.T) {
	box := newOutbox(t)
	for i := range 6 {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	var got []string
	if err := List(box.Dir(), false, func(l *Listed) bool {
		if got = append(got, string(l.Record.Request.Body)); len(got) == 3 {
			if err := c.merge(6); err != nil {
				t.Error(err)
			}
		}
		return true
	}); err != nil || fmt.Sprint(got) != "[0 1 2 3 4 5]" {
		t.Errorf("listed %v, %v", got, err)
	}
}

// Readers see each record once while segments are merged and beacons finished.
func TestMerge_ReadersMeanwhile_SeeEachRecordOnce(t *testing.T) {
	box := newOutbox(t)
	const n, step = 400, 20
	for i := range n {
		leave(t, box.Dir(), endedProcess(), fmt.Sprint(i))
	}
	kept := map[string]bool{} // never finished
	for i := 0; i < n; i += 2 {
		kept[fmt.Sprint(i)] = true
	}
	c := claim(t, box)
	defer c.Release()
	stop, read := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if s, err := ReadStatus(box.Dir()); err != nil || s.Accepted() != n {
				t.Errorf("accepted %d, %v", s.Accepted(), err)
			}
			if !Pending(box.Dir()) {
				t.Error("nothing is pending")
			}
			seen := map[string]int{}
			if err := List(box.Dir(), false, func(l *Listed) bool { seen[string(l.Record.Request.Body)]++; return true }); err != nil {
				t.Error(err)
			}
			for body := range kept {
				if seen[body] != 1 {
					t.Errorf("%s was listed %d times", body, seen[body])
				}
			}
			select {
			case read <- struct{}{}:
			case <-stop:
				return
			}
		}
	})
	for range n / step {
		found := 0
		if _, err := c.Scan(func(e Entry, r *warc.Record) bool {
			if found++; !kept[string(r.Request.Body)] {
				if err := c.Finish(Delivered, "", e); err != nil {
					t.Error(err)
				}
			}
			return found < step
		}); err != nil {
			t.Fatal(err)
		}
		if err := c.merge(4); err != nil {
			t.Fatal(err)
		}
		<-read // so that few merges fall into one look
	}
	close(stop)
	reading.Wait()
}

func TestMerge_4000Segments_Time(t *testing.T) {
	box := newOutbox(t)
	for i := range 4000 {
		leave(t, box.Dir(), endedProcess(), strings.Repeat("x", 200)+strconv.Itoa(i))
	}
	c := claim(t, box)
	defer c.Release()
	bodies(t, c)
	before := status(t, box)
	for began, calls := time.Now(), 0; len(segments(t, box.Dir())) > mergeLeast; calls++ {
		if calls > 10 {
			t.Fatalf("%d segments after %d calls", len(segments(t, box.Dir())), calls)
		}
		call := time.Now()
		if err := c.Merge(); err != nil {
			t.Fatal(err)
		}
		t.Logf("call %d: %v, %d segments, since the first %v", calls+1, time.Since(call), len(segments(t, box.Dir())), time.Since(began))
	}
	after := status(t, box)
	t.Logf("charged %d bytes before, %d after", before.Bytes, after.Bytes)
	if after.Pending != 4000 || after.Bytes > before.Bytes/4 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
