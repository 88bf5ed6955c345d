package spool

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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
