package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// An obsolete file was named by the manifest until a change. The manifest before that change stays
// on disk and still names it.
type obsolete struct {
	since  time.Time
	change int
}

// readersKeep is how long a replaced file stays for programs that took its name from
// `beacon table files`.
const readersKeep = 10 * time.Minute

// deleteObsolete deletes the files that have been obsolete for as long as grace and that no
// snapshot has. It returns how many stay.
func (t *Table) deleteObsolete(grace time.Duration) (stay int, err error) {
	var due []string
	recent := false // whether the manifest before the last change names one
	t.mu.Lock()
	for name, o := range t.obsolete {
		if t.held[name] > 0 || time.Since(o.since) < grace {
			stay++
			continue
		}
		due = append(due, name)
		recent = recent || o.change == t.changes
	}
	t.mu.Unlock()
	if recent {
		if err := t.change(func(*manifest) {}); err != nil {
			return stay, err
		}
	}
	for _, name := range due {
		if err := os.Remove(filepath.Join(t.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return stay, fmt.Errorf("delete file: %w", err)
		}
		t.mu.Lock()
		delete(t.obsolete, name)
		t.mu.Unlock()
	}
	return stay, nil
}

// sweep deletes the files that the manifest does not name, which a crash has left behind, moves
// damaged ones that are not moved yet, and takes those out of the table that are missing.
func (t *Table) sweep() error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	missing, unnamed := map[string]string{}, there
	for _, f := range t.manifest.Files {
		if !there[f.Name] {
			missing[f.Name] = "the file is missing"
		}
		delete(unnamed, f.Name)
	}
	if err := t.giveUp(missing); err != nil {
		return err
	}
	for _, d := range t.manifest.Damaged {
		if unnamed[d.Name] {
			delete(unnamed, d.Name)
			if err := t.moveDamaged(d.Name); err != nil {
				return err
			}
		}
	}
	var due []string
	for name := range unnamed {
		if strings.HasSuffix(name, fileExt) {
			due = append(due, name)
		}
	}
	if len(due) == 0 {
		return nil
	}
	// The previous manifest may name them.
	if err := t.change(func(*manifest) {}); err != nil {
		return err
	}
	for _, name := range due {
		if err := os.Remove(filepath.Join(t.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// nextName is the name of a new file with rows of this period.
func (t *Table) nextName(period string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The number is saved with the file. A number that a crash took back is used again.
	t.sequence++
	return fmt.Sprintf("%s-%08d%s", period, t.sequence, fileExt)
}

// discard deletes files that were written and that no manifest names.
func (t *Table) discard(files []File) {
	for _, f := range files {
		os.Remove(filepath.Join(t.dir, f.Name))
	}
}
