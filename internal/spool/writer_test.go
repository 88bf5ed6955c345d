package spool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTheDiskTakesNothing(t *testing.T) {
	for _, x := range []struct {
		part bool   // of a record still goes in
		ops  string // that fail
		why  error
	}{
		{true, "", errNoSpace},
		{true, "truncate", errNoSpace}, // so that the part can't be cut off again
		{false, "write open", errors.New("read-only file system")},
	} {
		bad := false
		fsys := &faultFS{
			cut: func(name string) int {
				if bad && x.part && isSegment(name) {
					return 40
				}
				return -1
			},
			fail: func(op, _ string) error {
				if bad && strings.Contains(x.ops, op) {
					return x.why
				}
				return nil
			},
		}
		box := newOutboxOn(t, fsys)
		appendAll(t, box, "before")
		bad = true
		for range 3 {
			if err := box.Append(encoded(t, "lost"), capacity, false); !errors.Is(err, x.why) {
				t.Fatalf("%+v: %v", x, err)
			}
		}
		bad = false
		appendAll(t, box, "after")
		c := claim(t, box)
		defer c.Release()
		if got, _ := bodies(t, c); fmt.Sprint(got) != "[before after]" {
			t.Errorf("%+v: read back: %v", x, got)
		}
		if s := status(t, box); s.Dead() != 0 || s.Pending != 2 {
			t.Errorf("%+v: %+v", x, s)
		}
	}
}

func TestOnlyADurableRecordIsSynced(t *testing.T) {
	syncs := 0
	fsys := &faultFS{fail: func(op, name string) error {
		if op == "sync" && isSegment(name) {
			syncs++
		}
		return nil
	}}
	box := newOutboxOn(t, fsys)
	for i, durable := range []bool{false, true, false, true} {
		if err := box.Append(encoded(t, "x"), capacity, durable); err != nil {
			t.Fatal(err)
		}
		if want := (i + 1) / 2; syncs != want {
			t.Errorf("after record %d: %d syncs, want %d", i+1, syncs, want)
		}
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
	box := newOutboxOn(t, fsys)
	if err := box.Append(encoded(t, "x"), capacity, true); err == nil {
		t.Error("kept without a sync")
	}
	bad = false
	appendAll(t, box, "y")
	if names, _ := listSegments(osFS{}, box.Dir()); len(names) != 2 {
		t.Errorf("after a failed sync nothing more may go into the segment: %v", names)
	}
}

// TestASegmentEndsWhileItIsSynced: what is synced is kept all the same, is counted meanwhile,
// and the segment is given up after it.
func TestASegmentEndsWhileItIsSynced(t *testing.T) {
	var box *Outbox
	counted := -1
	fsys := &faultFS{}
	fsys.fail = func(op, name string) error {
		if op == "sync" && isSegment(name) {
			fsys.mu.Unlock() // the step is this test's own
			defer fsys.mu.Lock()
			if err := box.w.next(); err != nil {
				t.Error(err)
			}
			counted, _ = box.Waiting()
		}
		return nil
	}
	box = newOutboxOn(t, fsys)
	if err := box.Append(encoded(t, "x"), capacity, true); err != nil || counted != 1 {
		t.Errorf("%v, and %d waiting while it was synced", err, counted)
	}
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	c.Finish(Delivered, "", entries...)
	bodies(t, c)
	if left, _ := listSegments(osFS{}, box.Dir()); len(left) > 0 {
		t.Errorf("%v is held still", left)
	}
}
