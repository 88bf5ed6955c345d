package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
				cl.Finish(Delivered, "", e)
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
		c.Finish(Delivered, "204", e)
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
	c.Finish(Refused, "400\nBad\rRequest", entries[0])
	c.Release()
	if s := status(t, box); s.Outcomes[Delivered] != 2 || s.Outcomes[Refused] != 1 || s.Accepted() != 3 {
		t.Errorf("%+v", s)
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
	box := newOutboxOn(t, fsys)
	appendAll(t, box, "bad")
	bad = box.w.last
	box.w.next()
	appendAll(t, box, "good")
	c := claim(t, box)
	defer c.Release()
	var got []string
	_, err := c.Scan(func(_ Entry, r *warc.Record) bool { got = append(got, string(r.Request.Body)); return true })
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

func TestASegmentThatSomebodyCutsShortUnderItsWriter(t *testing.T) {
	box := newOutbox(t)
	appendAll(t, box, "one", "two", "three")
	c := claim(t, box)
	defer c.Release()
	_, entries := bodies(t, c)
	for _, e := range entries {
		c.Finish(Delivered, "", e)
	}
	if err := os.Truncate(entries[0].seg.path, 0); err != nil {
		t.Fatal(err)
	}
	appendAll(t, box, "two") // as long as the one that stood there
	var damage *warc.CorruptError
	if _, _, err := c.Take(entries[0].Place()); !errors.As(err, &damage) {
		t.Errorf("another beacon in the place of the first: %v", err)
	}
	if got, _ := bodies(t, c); fmt.Sprint(got) != "[two]" {
		t.Errorf("%v", got)
	}
}
