package keys

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
)

// TestOpen_LastFrameInterrupted_KeepsWhatWasSynced tries what a crash during a Sync can leave of
// the frame that it writes: a beginning, or all of it without some sectors.
func TestOpen_LastFrameInterrupted_KeepsWhatWasSynced(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, defaults)
	list := ids(20, 90)
	synced, later := list[:50], list[50:]
	add := func(list []uuid.UUID) int {
		for i, id := range list {
			mustAdd(t, s, id, uint64(i), day)
		}
		mustSync(t, s)
		return int(s.journal.end)
	}
	from := add(synced)
	to := add(later)
	name := filepath.Base(s.journal.file.Name())
	frame, err := os.ReadFile(s.journal.file.Name())
	if err != nil || len(frame) != to {
		t.Fatalf("read journal: %d bytes, %v, want %d bytes", len(frame), err, to)
	}
	var states [][]byte
	for size := from; size < to; size += 29 {
		states = append(states, frame[:size])
	}
	for at := from / sectorSize; at <= to/sectorSize; at++ {
		for _, sectors := range []int{1, 2, 3} {
			b := append([]byte(nil), frame...)
			clear(b[max(from, at*sectorSize):min(to, (at+sectors)*sectorSize)])
			states = append(states, b)
		}
	}
	for i, b := range states {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := open(dir, defaults)
		if err != nil {
			t.Fatalf("state %d of %d: %v", i, len(states), err)
		}
		for i, id := range synced {
			checkSeen(t, s, id, 1000, day, true)
			checkSeen(t, s, id, uint64(i), day, false)
		}
		for i, id := range later {
			checkSeen(t, s, id, uint64(i), day, false)
		}
		s.Close()
	}
}

// TestOpen_CrashBetweenSteps_KeepsAllKeys tries the folders that a crash during a flush or a merge
// can leave: names that are not durable yet can be there or not, each by itself.
func TestOpen_CrashBetweenSteps_KeepsAllKeys(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, small)
	list := ids(21, 4*small.memory)
	for i, id := range list {
		mustAdd(t, s, id, uint64(i), day)
	}
	mustSync(t, s)
	before := copyFolder(t, dir)
	check := func(name, dir string) {
		t.Helper()
		s, err := open(dir, small)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer s.Close()
		for _, id := range list {
			checkSeen(t, s, id, 1000, day, true)
		}
	}
	state := func(name string, files ...string) {
		t.Helper()
		to := copyFolder(t, before)
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(f)), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		check(name, to)
		check(name+", opened again", to)
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	run, journal := s.runs[len(s.runs)-1].file.Name(), s.journal.file.Name()
	state("nothing is durable")
	state("the run is durable", run)
	state("the run and the new journal are durable", run, journal)
	after := copyFolder(t, dir)
	waitMerges(t, s)
	if len(s.runs) != 1 {
		t.Fatalf("%d runs after four flushes, want one", len(s.runs))
	}
	merged := s.runs[0].file.Name()
	before = after
	state("the merged run is durable", merged)
	state("an unfinished file is left", merged, unfinished(t))
	for _, input := range fileNames(t, before, "*"+runSuffix) {
		to := copyFolder(t, before)
		os.Remove(filepath.Join(to, filepath.Base(input)))
		b, err := os.ReadFile(merged)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(merged)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		check("one input of the merge is deleted", to)
	}
	check("all is durable", copyFolder(t, dir))
}

func unfinished(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), (&header{generation: 3, first: 1, last: 9}).name()+temporarySuffix)
	if err := os.WriteFile(name, []byte("beacon"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
