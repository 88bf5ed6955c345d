package keys

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"
)

// Open opens the Set in a folder, which it makes if it is missing. Only one Set may be open in a
// folder. Open checks the files as far as it reads them: the journal, and the headers and filters of
// the runs. The error wraps ErrDamaged where one of them is damaged.
func Open(dir string) (*Set, error) { return open(dir, defaults) }

func open(dir string, limits limits) (*Set, error) {
	s := &Set{dir: dir, limits: limits, memory: map[key]value{}, filters: filterCache{left: limits.filters}}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = durable.SyncDir(filepath.Dir(dir))
	}
	if err == nil {
		err = s.load()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open the store of keys: %w", err)
	}
	return s, nil
}

func (s *Set) load() error {
	runs, journals, err := list(s.dir)
	if err != nil {
		return err
	}
	number, err := s.loadJournals(journals, len(runs) > 0)
	if err != nil {
		return err
	}
	for _, h := range runs {
		r, err := openRun(s.dir, h.name(), s.secret)
		if err != nil {
			return err
		}
		s.insert(r)
		s.flushed = max(s.flushed, r.last)
	}
	for _, r := range s.runs {
		if err := s.loadFilter(r); err != nil {
			return err
		}
	}
	// The new journal has no interrupted frame. It also replaces pages that are readable now although
	// an earlier sync failed to write them to the disk.
	if err := s.switchJournal(number+1, s.memoryFrame()); err != nil {
		return err
	}
	s.startMerge()
	return nil
}

// loadJournals reads the newest journal into memory and returns its number. Older ones are there only
// after a crash; the newest one has all their keys that are in no run. used is whether there are runs.
func (s *Set) loadJournals(numbers []uint64, used bool) (uint64, error) {
	if len(numbers) == 0 {
		if used {
			return 0, damaged(s.dir, "the journal is missing")
		}
		var secret secret
		rand.Read(secret[:])
		return 0, s.setSecret(secret)
	}
	number := slices.Max(numbers)
	secret, frames, err := readJournal(s.dir, number)
	if err != nil {
		return 0, err
	}
	for _, frame := range frames {
		for b := range slices.Chunk(frame, entrySize) {
			e := entryAt(b)
			s.memory[e.key] = e.value
		}
	}
	for _, n := range numbers {
		s.obsolete = append(s.obsolete, filepath.Join(s.dir, journalName(n)))
	}
	return number, s.setSecret(secret)
}

// list returns the headers in the names of the runs, and the numbers of the journals. It deletes
// unfinished files, and runs that a merged run replaces.
func list(dir string) (runs []header, journals []uint64, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var unused []string
	for _, f := range files {
		var h header
		var number uint64
		switch name := f.Name(); {
		case strings.HasSuffix(name, temporarySuffix):
			unused = append(unused, name)
		case parse(name, "%d-%d-%d", &h.generation, &h.first, &h.last) && h.name() == name:
			runs = append(runs, h)
		case parse(name, "%d", &number) && journalName(number) == name:
			journals = append(journals, number)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(runs), func(h header) bool {
		return slices.ContainsFunc(runs, func(other header) bool {
			return h != other && h.generation == other.generation && other.first <= h.first && h.last <= other.last
		})
	})
	for _, h := range runs {
		if !slices.Contains(kept, h) {
			unused = append(unused, h.name())
		}
	}
	for _, name := range unused {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return nil, nil, err
		}
	}
	return kept, journals, nil
}

func parse(name, format string, values ...any) bool {
	n, _ := fmt.Sscanf(name, format, values...)
	return n == len(values)
}
