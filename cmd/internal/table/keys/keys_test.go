package keys

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestSeen_WindowAndPlace_Result(t *testing.T) {
	const first = 7
	id := ids(1, 1)[0]
	for _, c := range []struct {
		name     string
		age      time.Duration
		position uint64
		want     bool
	}{
		{"same time, other position", 0, 8, true},
		{"same time, same position", 0, first, false},
		{"the whole window later", Window, 8, true},
		{"the whole window later, same position", Window, first, false},
		{"a nanosecond after the window", Window + 1, 8, false},
		{"the clock was set back", -time.Minute, 8, true},
		{"the clock was set back by the window", -Window, 8, true},
		{"the clock was set back by more", -Window - 1, 8, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, defaults)
			at := day.Add(23 * time.Hour)
			checkSeen(t, s, id, first, at, false)
			mustAdd(t, s, id, first, at)
			checkSeen(t, s, id, c.position, at.Add(c.age), c.want) // not synced
			mustSync(t, s)
			s.last = answer{}
			checkSeen(t, s, id, c.position, at.Add(c.age), c.want) // in the journal
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
			s.last = answer{}
			checkSeen(t, s, id, c.position, at.Add(c.age), c.want) // in a run
			s.Close()
			s = mustOpen(t, dir, defaults)
			checkSeen(t, s, id, c.position, at.Add(c.age), c.want) // in a run, opened
		})
	}
}

func TestAdd_KnownID_KeepsTheFirstArrival(t *testing.T) {
	s := mustOpen(t, t.TempDir(), defaults)
	id := ids(1, 1)[0]
	mustAdd(t, s, id, 1, day)
	mustAdd(t, s, id, 2, day.Add(Window))
	checkSeen(t, s, id, 3, day.Add(Window), true)
	checkSeen(t, s, id, 3, day.Add(Window+1), false)
	mustAdd(t, s, id, 3, day.Add(Window+1))
	checkSeen(t, s, id, 4, day.Add(2*Window+1), true)
}

func TestAdd_SimilarIDs_AreDistinct(t *testing.T) {
	s := mustOpen(t, t.TempDir(), small)
	for i := range 256 {
		mustAdd(t, s, uuid.UUID{15: byte(i)}, uint64(i), day)
		mustAdd(t, s, uuid.UUID{0: byte(i), 15: 1}, uint64(i), day)
	}
	checkSeen(t, s, uuid.UUID{15: 255}, 1000, day, true)
	checkSeen(t, s, uuid.UUID{14: 1, 15: 255}, 1000, day, false)
}

func TestExpire_OldGenerations_AreDeleted(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, small)
	list := ids(2, 1000)
	for i, id := range list {
		mustAdd(t, s, id, uint64(i), day.Add(time.Duration(i)*generation/100)) // ten days
	}
	mustSync(t, s)
	waitMerges(t, s)
	last := day.Add(999 * generation / 100)
	if err := s.Expire(last); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.runs {
		if age := last.Sub(time.Unix(0, r.minAt)); age > generation+Window+slack {
			t.Errorf("a run has a key of %v, want at most %v", age, generation+Window+slack)
		}
	}
	if n := len(fileNames(t, dir, "*"+runSuffix)); n != len(s.runs) || n == 0 {
		t.Errorf("%d files of %d runs", n, len(s.runs))
	}
	for i, id := range list {
		checkSeen(t, s, id, 5000, last, last.Sub(day.Add(time.Duration(i)*generation/100)) <= Window)
	}
	if err := s.Expire(last.Add(Window + 2*slack)); err != nil {
		t.Fatal(err)
	}
	if n := len(s.runs); n > 0 || len(s.memory) > 0 {
		t.Errorf("%d runs and %d keys in memory, want none", n, len(s.memory))
	}
	if want := small.filters; len(s.filters.free)+s.filters.left != want {
		t.Errorf("%d free chunks of filters and %d not allocated, want %d together", len(s.filters.free), s.filters.left, want)
	}
}

func TestExpire_FewKeysForever_JournalStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, small)
	for i, id := range ids(3, 500) {
		at := day.Add(time.Duration(i) * 24 * time.Hour)
		mustAdd(t, s, id, uint64(i), at)
		mustSync(t, s)
		if err := s.Expire(at); err != nil {
			t.Fatal(err)
		}
		if s.journal.count > small.memory {
			t.Fatalf("day %d: %d entries in the journal, want at most %d", i, s.journal.count, small.memory)
		}
	}
	waitMerges(t, s)
	if len(s.runs) > 5 {
		t.Errorf("%d runs of 3 days, want at most 5", len(s.runs))
	}
}

func TestSync_WriteFails_NextSyncWritesAll(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, defaults)
	list := ids(4, 3)
	mustAdd(t, s, list[0], 0, day)
	mustSync(t, s)
	mustAdd(t, s, list[1], 1, day)
	s.journal.file.Close()
	if err := s.Sync(); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatalf("Sync to a closed file: got %v, want an error other than ErrDamaged", err)
	}
	mustAdd(t, s, list[2], 2, day)
	mustSync(t, s)
	s = mustOpen(t, copyFolder(t, dir), defaults)
	for _, id := range list {
		checkSeen(t, s, id, 9, day, true)
	}
}

func TestFlush_Fails_KeysRemain(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, small)
	list := ids(5, small.memory+1)
	for i, id := range list[:small.memory] {
		mustAdd(t, s, id, uint64(i), day)
	}
	mustSync(t, s)
	// The next journal's temporary name is taken by a folder.
	obstacle := s.journal.file.Name()
	obstacle = obstacle[:len(obstacle)-len(journalName(s.journal.number))] + journalName(s.journal.number+1) + temporarySuffix
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(list[small.memory], 40, day); err == nil || errors.Is(err, ErrDamaged) {
		t.Fatalf("Add: got %v, want an error other than ErrDamaged", err)
	}
	killed := mustOpen(t, copyFolderWithout(t, dir, obstacle), small)
	os.Remove(obstacle)
	mustAdd(t, s, list[small.memory], 40, day)
	mustSync(t, s)
	for i, id := range list {
		checkSeen(t, s, id, 99, day, true)
		checkSeen(t, killed, id, 99, day, i < small.memory)
		checkSeen(t, killed, id, uint64(i), day, false)
	}
}

func copyFolderWithout(t *testing.T, dir, obstacle string) string {
	t.Helper()
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	to := copyFolder(t, dir)
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestClose_MergeUnderWay_EndsIt(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	s := mustOpen(t, dir, limits{memory: 5000, filters: 8, runs: 64})
	list := ids(6, 40_000)
	for i, id := range list {
		mustAdd(t, s, id, uint64(i), day)
	}
	mustSync(t, s)
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines after Close, %d before Open", n, before)
	}
	if names := fileNames(t, dir, "*"+temporarySuffix); len(names) > 0 {
		t.Errorf("temporary files after Close: %q", names)
	}
	if _, err := s.Seen(list[0], 1, day); err == nil {
		t.Error("Seen after Close: got no error")
	}
	s = mustOpen(t, dir, small)
	for _, id := range list[:2000] {
		checkSeen(t, s, id, 99_999, day, true)
	}
}
