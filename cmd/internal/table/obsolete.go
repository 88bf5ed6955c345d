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

// An obsolete file is one that the current manifest does not name and an earlier one did. The
// previous manifest on disk may still name it.
type obsolete struct {
	since  time.Time
	change int // the number of the change that removed it from the manifest
}

// obsoleteGrace is how long a replaced file stays for programs that took its name from
// `beacon table files`.
const obsoleteGrace = 10 * time.Minute

// deleteObsolete deletes the files that have been obsolete for at least grace and that no snapshot
// has. It returns how many stay.
func (t *Table) deleteObsolete(grace time.Duration) (stay int, err error) {
	var due []string
	recent := false // the previous manifest names one
	t.mu.Lock()
	for name, o := range t.obsolete {
		if t.readers[name] > 0 || time.Since(o.since) < grace {
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

// sweep makes the folder agree with the manifest after a crash. It deletes files that the manifest does
// not name, moves damaged files that are not moved yet, and marks missing files as damaged.
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
	if err := t.markDamaged(missing); err != nil {
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

// nextName returns the name of a new file with rows of this period.
func (t *Table) nextName(period string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The number is saved with the manifest. After a crash an unsaved number is used again.
	t.sequence++
	return fmt.Sprintf("%s-%08d%s", period, t.sequence, fileExt)
}

// discard deletes new files that no manifest names.
func (t *Table) discard(files []File) {
	for _, f := range files {
		os.Remove(filepath.Join(t.dir, f.Name))
	}
}
