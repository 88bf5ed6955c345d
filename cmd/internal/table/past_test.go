package table

import (
	"testing"
	"time"
)

func TestChangedSince_ManifestChanges_OnlyThoseOfThePastCount(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.Add(time.Duration(n) * 24 * time.Hour) }
	file := func(name string, rows int64, first, last time.Time, columns ...string) File {
		return File{Name: name, Rows: rows, First: first, Last: last, Columns: columns}
	}
	old := file("old", 10, day(-9), day(-8), "browser")
	older := file("older", 5, day(-20), day(-10), "browser")
	recent := file("recent", 3, now.Add(-time.Minute), now, "browser")
	for name, x := range map[string]struct {
		before, after []File
		changed       bool
	}{
		"new rows":           {[]File{old}, []File{old, recent}, false},
		"imported rows":      {[]File{recent}, []File{recent, old}, true},
		"compacted":          {[]File{old, older}, []File{file("both", 15, day(-20), day(-8), "browser")}, false},
		"erased":             {[]File{old, older}, []File{older, file("less", 9, day(-9), day(-8), "browser")}, true},
		"damaged":            {[]File{old}, nil, true},
		"other days":         {[]File{old, older}, []File{old}, false},
		"compacted, columns": {[]File{file("x", 10, day(-9), day(-8))}, []File{old}, true},
		"nothing":            {[]File{old}, []File{old}, false},
	} {
		before := manifest{Files: x.before, Revision: 7}
		next := before.clone()
		next.Files = x.after
		before.notePast(&next, now)
		s := &Snapshot{Revision: next.Revision, past: next.Past}
		if got := s.ChangedSince(7, day(-9), day(-7)); got != x.changed {
			t.Errorf("%s: got %v, want %v", name, got, x.changed)
		}
		if s.ChangedSince(next.Revision, day(-9), day(-7)) {
			t.Errorf("%s: changed since itself", name)
		}
	}
}

func TestChangedSince_MoreChangesThanAreListed_CountsAsChanged(t *testing.T) {
	now := time.Now()
	var m manifest
	for range maxPastChanges + 10 {
		next := m.clone()
		next.Files = []File{{Name: now.String(), Rows: int64(m.Revision) % 2, First: now.Add(-48 * time.Hour), Last: now.Add(-47 * time.Hour)}}
		next.Files[0].Name += string(rune('a' + m.Revision%26))
		m.notePast(&next, now)
		m = next
	}
	s := &Snapshot{Revision: m.Revision, past: m.Past}
	if len(m.Past) != maxPastChanges || !s.ChangedSince(3, now.Add(-time.Hour), now) || s.ChangedSince(m.Revision-5, now.Add(-time.Hour), now) {
		t.Errorf("%d changes are listed, revision %d", len(m.Past), m.Revision)
	}
}
