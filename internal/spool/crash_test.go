package spool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A story is what an outbox lived through, and what it said of it.
type story struct {
	appended, tried           map[uuid.UUID]bool
	delivered, buried, danger map[uuid.UUID]bool // danger: the step was begun and may have been done
}

// live sends four beacons, and delivers one, buries one and leaves two.
func live(fsys *faultFS, dir string) story {
	s := story{map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}}
	o, err := openOutbox(fsys, dir)
	if err != nil {
		return s
	}
	for i := range 4 {
		r := beaconRecord(fmt.Sprint(i))
		b, _ := r.Append(nil)
		s.tried[r.ID] = true
		if o.Append(b, 1<<20, false) == nil {
			s.appended[r.ID] = true
		}
	}
	o.Close()
	lock, err := o.TryLock()
	if err != nil || lock == nil {
		return s
	}
	defer lock.Close()
	c, err := o.Claim(lock)
	if err != nil {
		return s
	}
	var entries []Entry
	if _, err := c.Scan(func(e Entry, _ *warc.Record) bool { entries = append(entries, e); return true }); err != nil || len(entries) < 2 {
		return s
	}
	s.danger[entries[0].ID] = true
	if c.Finish(Delivered, "204", entries[0]) == nil {
		s.delivered[entries[0].ID] = true
	}
	_, r, err := c.Take(entries[1].Place())
	if err != nil {
		return s
	}
	s.danger[entries[1].ID] = true
	if c.Bury(entries[1], r, Refused, "400") == nil {
		s.buried[entries[1].ID] = true
	}
	for _, e := range entries[2:] {
		s.danger[e.ID] = true
		if c.Finish(Delivered, "204", e) == nil {
			s.delivered[e.ID] = true
		}
	}
	c.Release()
	return s
}

// TestOutboxSurvivesACrashBetweenAnyTwoSteps kills the process at each of its steps and
// looks at what the next one finds.
func TestOutboxSurvivesACrashBetweenAnyTwoSteps(t *testing.T) {
	whole := &faultFS{}
	live(whole, t.TempDir())
	whole.die()
	if whole.steps < 30 {
		t.Fatalf("the story has only %d steps", whole.steps)
	}
	for at := 1; at <= whole.steps+1; at++ {
		dir := t.TempDir()
		fsys := &faultFS{crashAt: at}
		s := live(fsys, dir)
		fsys.die()

		if _, err := os.Stat(filepath.Join(dir, deadName)); err != nil {
			continue // it died before there was an outbox
		}
		status, err := ReadStatus(dir)
		if err != nil {
			t.Fatalf("crash at %d: %v", at, err)
		}
		if n := status.Accepted(); n < int64(len(s.appended)) || n > int64(len(s.tried)) {
			t.Errorf("crash at %d: accepted %d, of %d that were kept and %d tried", at, n, len(s.appended), len(s.tried))
		}
		pending := drain(t, dir, at)
		for id := range s.appended {
			if !pending[id] && !s.danger[id] {
				t.Errorf("crash at %d: a kept beacon is lost", at)
			}
			if pending[id] && (s.delivered[id] || s.buried[id]) {
				t.Errorf("crash at %d: a finished beacon is delivered again", at)
			}
		}
		after, err := ReadStatus(dir)
		if err != nil || after.Accepted() != status.Accepted() || after.Pending != 0 {
			t.Errorf("crash at %d: accepted %d, then %d with %d pending (%v)", at, status.Accepted(), after.Accepted(), after.Pending, err)
		}
	}
}

// drain delivers all that is left and returns what that was.
func drain(t *testing.T, dir string, at int) map[uuid.UUID]bool {
	t.Helper()
	o, err := OpenOutbox(dir)
	if err != nil {
		t.Fatalf("crash at %d: %v", at, err)
	}
	defer o.Close()
	lock, err := o.TryLock()
	if err != nil || lock == nil {
		t.Fatalf("crash at %d: the dead process still holds the lock (%v)", at, err)
	}
	c, err := o.Claim(lock)
	if err != nil {
		t.Fatalf("crash at %d: %v", at, err)
	}
	found := map[uuid.UUID]bool{}
	_, err = c.Scan(func(e Entry, _ *warc.Record) bool {
		found[e.ID] = true
		if err := c.Finish(Delivered, "", e); err != nil {
			t.Errorf("crash at %d: %v", at, err)
		}
		return true
	})
	if err != nil {
		t.Errorf("crash at %d: %v", at, err)
	}
	if err := c.Release(); err != nil {
		t.Errorf("crash at %d: %v", at, err)
	}
	return found
}

// TestTheWayToASpoolLasts: a folder that is made is only there after a power cut if the one
// that it is in was synced.
func TestTheWayToASpoolLasts(t *testing.T) {
	root := t.TempDir()
	synced := map[string]bool{}
	fsys := &faultFS{fail: func(op, name string) error {
		if op == "syncdir" {
			synced[name] = true
		}
		return nil
	}}
	box, err := openOutbox(fsys, filepath.Join(root, "a", "b", "outbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for _, dir := range []string{filepath.Base(root), "a", "b", "outbox"} {
		if !synced[dir] {
			t.Errorf("%s was not synced", dir)
		}
	}
}

// TestInboxSurvivesAPowerCutBetweenAnyTwoSteps takes from the disk what was not synced: a
// beacon that was acknowledged must still be there.
func TestInboxSurvivesAPowerCutBetweenAnyTwoSteps(t *testing.T) {
	fill := func(fsys *faultFS, dir string) (acknowledged []uuid.UUID) {
		in, err := openInbox(fsys, dir, 1000) // two or three records to a segment
		if err != nil {
			return nil
		}
		for i := range 8 {
			r := beaconRecord(fmt.Sprint(i))
			b, _ := r.Append(nil)
			if in.Append(b) == nil {
				acknowledged = append(acknowledged, r.ID)
			}
		}
		in.Close()
		return acknowledged
	}
	whole := &faultFS{}
	if n := len(fill(whole, t.TempDir())); n != 8 {
		t.Fatalf("%d of 8 acknowledged", n)
	}
	for at := 1; at <= whole.steps+1; at++ {
		dir := t.TempDir()
		fsys := &faultFS{crashAt: at}
		acknowledged := fill(fsys, dir)
		fsys.powerCut()
		in, err := OpenInbox(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		kept := map[uuid.UUID]bool{}
		r := in.Reader(Cursor{})
		for {
			it, err := r.TryNext()
			if err == io.EOF {
				break
			}
			if err != nil || it.Damage != nil {
				t.Fatalf("cut at %d: %v %v", at, err, it.Damage)
			}
			kept[it.Record.ID] = true
		}
		r.Close()
		in.Close()
		for _, id := range acknowledged {
			if !kept[id] {
				t.Errorf("cut at %d: an acknowledged beacon is lost", at)
			}
		}
	}
}
