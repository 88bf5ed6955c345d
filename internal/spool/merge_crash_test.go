package spool

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
