package keys

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

// small are limits with which few keys make many runs, merges, and filters partly on disk.
var small = limits{memory: 40, filters: 3, runs: 8}

// day is the start of a generation.
var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func mustOpen(t testing.TB, dir string, limits limits) *Set {
	t.Helper()
	s, err := open(dir, limits)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustAdd(t testing.TB, s *Set, id uuid.UUID, position uint64, at time.Time) {
	t.Helper()
	if err := s.Add(id, position, at); err != nil {
		t.Fatalf("Add %v: %v", id, err)
	}
}

func mustSync(t testing.TB, s *Set) {
	t.Helper()
	if err := s.Sync(); err != nil {
		t.Fatalf("Sync: %v", err)
	}
}

func checkSeen(t testing.TB, s *Set, id uuid.UUID, position uint64, at time.Time, want bool) {
	t.Helper()
	if got, err := s.Seen(id, position, at); got != want || err != nil {
		t.Errorf("Seen %v at position %d, %v: got %v, %v, want %v", id, position, at, got, err, want)
	}
}

// waitMerges waits until no merge is due.
func waitMerges(t testing.TB, s *Set) {
	t.Helper()
	for s.merge != nil {
		if err := s.collect(true); err != nil {
			t.Fatalf("merge: %v", err)
		}
	}
}

// ids returns n random ids, the same for each seed.
func ids(seed uint64, n int) []uuid.UUID {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	list := make([]uuid.UUID, n)
	for i := range list {
		random.Read(list[i][:])
	}
	return list
}

// copyFolder copies what a process that is killed now leaves. A merge can rename its temporary
// file during the copy.
func copyFolder(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if errors.Is(err, fs.ErrNotExist) && filepath.Ext(f.Name()) == temporarySuffix {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func fileNames(t testing.TB, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
