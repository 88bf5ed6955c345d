package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
