package table

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Snapshot is the files that a query reads. They stay until it is released.
type Snapshot struct {
	Files   []File
	Tail    int   // how many of the last files are tails, of rows that are not flushed yet
	Behind  int64 // bytes of the inbox that were acknowledged before, and are not in it
	Damaged []Damaged
	table   *Table
	release sync.Once
}

// Rows is how many rows the files have.
func (s *Snapshot) Rows() (n int64) {
	for _, f := range s.Files {
		n += f.Rows
	}
	return n
}

// View is the SELECT over the files, for the view beacons.
func (s *Snapshot) View() string { return View(s.table.dir, s.Files, s.table.options.Columns) }

// Release lets the files be deleted that the table no longer needs.
func (s *Snapshot) Release() {
	s.release.Do(func() {
		s.table.mu.Lock()
		defer s.table.mu.Unlock()
		for _, f := range s.Files {
			s.table.letGo(f.Name)
		}
	})
}

// hold returns a snapshot of the files now and of the tail, which may be nil. The caller holds mu.
func (t *Table) hold(tail *File) *Snapshot {
	s := &Snapshot{table: t, Files: slices.Clone(t.manifest.Files), Damaged: slices.Clone(t.manifest.Damaged)}
	if tail != nil {
		s.Files, s.Tail = append(s.Files, *tail), 1
	}
	for _, f := range s.Files {
		t.held[f.Name]++
	}
	return s
}

// letGo counts one reader less of a file. A tail goes with its last one. The caller holds mu.
func (t *Table) letGo(name string) {
	if t.held[name]--; t.held[name] > 0 {
		return
	}
	delete(t.held, name)
	if strings.HasPrefix(name, tailPrefix) {
		os.Remove(filepath.Join(t.dir, name))
	}
}
