package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestTheDeadAreKeptWithTheReasonAndCanComeBack(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "a", "b")
	c := claim(t, box)
	_, entries := bodies(t, c)
	_, r, err := c.Take(entries[0].Place())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Bury(entries[0], r, Refused, "400 Bad Request"); err != nil {
		t.Fatal(err)
	}
	c.Finish(Delivered, "", entries[1])
	c.Release()
	dead, _ := filepath.Glob(filepath.Join(box.Dir(), deadName, "*.warc"))
	if len(dead) != 1 {
		t.Fatalf("%v", dead)
	}
	text, _ := os.ReadFile(dead[0])
	if !strings.Contains(string(text), "Beacon-Outcome: refused 400 Bad Request\r\n") {
		t.Errorf("%q", text)
	}
	// As if a deliverer had been killed between the grave and the ledger, and the next one
	// had buried the beacon again.
	os.WriteFile(filepath.Join(box.Dir(), deadName, "20260101T000000.000000Z-1-aa.warc"), text, 0o600)
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
	_, r, _ := c.Take(entries[0].Place())
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
	box := newOutboxOn(t, fsys)
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
		_, r, err := c.Take(e.Place())
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
	if s := status(t, box); s.Outcomes[Refused] != n || s.Accepted() != n {
		t.Errorf("they are counted as %+v", s)
	}
	c = claim(t, box)
	defer c.Release()
	if got, err := c.Revive(func(*warc.Record) {}); got != n || err != nil {
		t.Errorf("%d of %d are there, %v", got, n, err)
	}
}

func TestDead_FileOfLastMonth_IsDeleted(t *testing.T) {
	dir := t.TempDir()
	box, err := OpenOutbox(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for name, age := range map[string]time.Duration{"old.warc": deadAge + time.Hour, "new.warc": deadAge - time.Hour} {
		path := filepath.Join(dir, deadName, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		t.Fatal(err)
	}
	c, err := box.Claim(lock)
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	left, _ := filepath.Glob(filepath.Join(dir, deadName, "*.warc"))
	if len(left) != 1 || filepath.Base(left[0]) != "new.warc" {
		t.Errorf("left: %v, want new.warc alone", left)
	}
}
