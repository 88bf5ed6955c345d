package table

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Snapshot is a list of files for a query. The files stay on disk until it is released.
type Snapshot struct {
	Files   []File
	Tails   int   // how many of the last files are tails, which have the rows that are not flushed yet
	Behind  int64 // bytes of the inbox that were acknowledged before the call and are not in Files
	Damaged []Damaged
	// Revision counts the changes of the past, see ChangedSince.
	Revision int64
	past     []pastChange
	table    *Table
	release  sync.Once
}

// Rows returns how many rows the files have.
func (s *Snapshot) Rows() (n int64) {
	for _, f := range s.Files {
		n += f.Rows
	}
	return n
}

// View returns the SELECT over the files, for the view beacons.
func (s *Snapshot) View() string { return viewSQL(s.table.dir, s.Files, s.table.options.Columns) }

// ViewBetween is View over the files that may have beacons that were received from one time until before another. With a
// zero to it has all later files.
func (s *Snapshot) ViewBetween(from, to time.Time) string {
	files := slices.DeleteFunc(slices.Clone(s.Files), func(f File) bool {
		return f.Last.Before(from) || !to.IsZero() && !f.First.Before(to)
	})
	return viewSQL(s.table.dir, files, s.table.options.Columns)
}

// Release allows the table to delete the files. Later calls have no effect.
func (s *Snapshot) Release() {
	s.release.Do(func() {
		s.table.mu.Lock()
		defer s.table.mu.Unlock()
		for _, f := range s.Files {
			s.table.release(f.Name)
		}
	})
}

// hold returns a snapshot of the current files and of these tails. The caller holds mu.
func (t *Table) hold(tails []File) *Snapshot {
	s := &Snapshot{table: t, Files: slices.Clone(t.manifest.Files), Damaged: slices.Clone(t.manifest.Damaged), Revision: t.manifest.Revision, past: t.manifest.Past}
	s.Files, s.Tails = append(s.Files, tails...), len(tails)
	for _, f := range s.Files {
		t.readers[f.Name]++
	}
	return s
}

// holdAll returns a snapshot of the current files, and the erasures of the same manifest.
func (t *Table) holdAll() (*Snapshot, []Erasure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hold(nil), slices.Clone(t.manifest.Erasures)
}

// release counts one reader less of a file. A tail without a reader is deleted. The caller holds mu.
func (t *Table) release(name string) {
	if t.readers[name]--; t.readers[name] > 0 {
		return
	}
	delete(t.readers, name)
	if strings.HasPrefix(name, tailPrefix) {
		os.Remove(filepath.Join(t.dir, name))
	}
}
