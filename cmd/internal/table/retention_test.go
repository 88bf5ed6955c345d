package table

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (h *harness) retain(now time.Time) {
	h.Helper()
	if err := h.table.retain(context.Background(), h.in, now); err != nil {
		h.Fatal(err)
	}
}

func TestRetention_MaxAge_DeletesRowsAtMostAHundredthLate(t *testing.T) {
	const age = 200 * time.Hour // of which a hundredth is 2 h
	h := newHarness(t, Options{MaxAge: age})
	for n := range 20 { // one file with a row an hour, from base on
		h.put(at(record(n), base.Truncate(24*time.Hour).Add(time.Duration(n)*time.Hour)))
	}
	h.drain()
	first := base.Truncate(24 * time.Hour)
	h.retain(first.Add(age + 119*time.Minute)) // the oldest row is not late yet
	h.wantIDs(span(0, 20)...)
	h.retain(first.Add(age + 121*time.Minute))
	h.wantIDs(span(3, 20)...)
	h.retain(first.Add(age + 19*time.Hour + time.Minute))
	h.wantIDs()
	if s := h.table.Status(); s.Files != 0 || s.Rows != 0 {
		t.Errorf("status: got %+v, want no files", s)
	}
	h.crash()
	h.wantIDs()
}

func TestRetention_MaxAge_DeletesInboxSegments(t *testing.T) {
	h := newHarness(t, Options{MaxAge: 24 * time.Hour})
	h.putAndFlush(textRecord(1, "text/plain", "old secret"))
	now := time.Now()
	h.retain(now.Add(20 * time.Hour)) // ends the segment
	h.putAndFlush(record(2))
	h.retain(now.Add(46 * time.Hour))
	for _, s := range h.segments() {
		if b, err := os.ReadFile(s); err != nil || strings.Contains(string(b), "old secret") {
			t.Errorf("%s has the old beacon still, %v", s, err)
		}
	}
}

func TestRetention_MaxBytes_DeletesTheOldestFiles(t *testing.T) {
	h := newHarness(t, Options{})
	for n := range 6 {
		h.putAndFlush(at(record(n), base.AddDate(0, 0, -n)))
	}
	_, total := h.table.files()
	h.reopen(Options{MaxBytes: total / 2})
	h.retain(time.Now())
	h.wantIDs(0, 1, 2)
	h.retain(time.Now())
	h.wantIDs(0, 1, 2)
}

func TestRetention_NoLimits_DeletesNothing(t *testing.T) {
	h := newHarness(t, Options{})
	h.putAndFlush(at(record(1), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)), record(2))
	h.retain(time.Now().AddDate(100, 0, 0))
	h.wantIDs(1, 2)
	if segments := h.segments(); len(segments) != 1 {
		t.Errorf("segments: got %v, want 1", segments)
	}
}

func TestRetention_ReplacedFiles_StayForOtherReaders(t *testing.T) {
	h := newHarness(t, Options{MaxAge: 24 * time.Hour})
	h.putAndFlush(record(1))
	name := h.table.manifest.Files[0].Name
	h.retain(time.Now().AddDate(1, 0, 0))
	if _, err := h.table.deleteObsolete(obsoleteGrace); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(h.tableDir(), name)); err != nil {
		t.Errorf("a file that was just replaced: %v", err)
	}
	h.table.obsolete[name] = obsolete{time.Now().Add(-obsoleteGrace), h.table.changes}
	if _, err := h.table.deleteObsolete(obsoleteGrace); err != nil {
		t.Fatal(err)
	}
	if got := h.files(); len(got) != 0 {
		t.Errorf("files: got %v, want none", got)
	}
	m, err := readManifest(filepath.Join(h.tableDir(), previousName))
	if err != nil || len(m.Files) != 0 {
		t.Errorf("the previous manifest names %v, %v, want no deleted file", m.Files, err)
	}
}
