package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
	if err := c.Finish(Delivered, "204 No Content", entries[0]); err != nil {
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
	c.Finish(Delivered, "", entries...)
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

func TestASegmentThatCantBeDeletedIsCountedOnce(t *testing.T) {
	stuck := true
	fsys := &faultFS{fail: func(op, name string) error {
		if stuck && op == "remove" && isSegment(name) {
			return errors.New("somebody has it open")
		}
		return nil
	}}
	box := newOutboxOn(t, fsys)
	appendAll(t, box, "a", "b")
	box.w.close()
	c := claim(t, box)
	_, entries := bodies(t, c)
	c.Finish(Delivered, "", entries...)
	for range 3 {
		c.Scan(func(Entry, *warc.Record) bool { t.Error("shown again"); return true })
	}
	if s := status(t, box); s.Outcomes[Delivered] != 2 || s.Accepted() != 2 {
		t.Errorf("%+v", s)
	}
	stuck = false
	bodies(t, c)
	c.Release()
	if names, _ := listSegments(osFS{}, box.Dir()); len(names) != 0 || c.Missed() {
		t.Errorf("%v", names)
	}
}
