package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// startOver begins a table whose manifests are missing or damaged. Which of the files replaced which
// others is not known, so all go to the folder damaged. The inbox is read from its beginning. The ids
// of erased rows stay valid.
func (t *Table) startOver(reason error) error {
	names, err := filepath.Glob(filepath.Join(t.dir, "*"+fileExt))
	if err != nil {
		return err
	}
	var lost []Damaged
	for _, path := range names {
		name := filepath.Base(path)
		if strings.HasPrefix(name, tailPrefix) {
			continue
		}
		lost = append(lost, Damaged{t.describe(name), "the manifest is missing", time.Now().UTC().Truncate(time.Second)})
	}
	erasures, err := t.findErasures()
	if err != nil {
		return err
	}
	if len(lost) == 0 && len(erasures) == 0 && reason == nil {
		return t.change(func(*manifest) {}) // a new table
	}
	t.log.Error("the table begins anew: its manifests are missing or damaged", "error", reason, "files", len(lost), "moved_to", filepath.Join(t.dir, damagedDir))
	for _, name := range []string{manifestName, previousName} {
		err := os.Rename(filepath.Join(t.dir, name), filepath.Join(t.dir, damagedDir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, d := range lost {
		t.sequence = max(t.sequence, sequenceOf(d.Name))
		if err := t.moveDamaged(d.Name); err != nil {
			return err
		}
	}
	for range 2 { // so that the previous manifest has the entries too
		if err := t.change(func(m *manifest) { m.Damaged, m.Erasures = lost, erasures }); err != nil {
			return err
		}
	}
	return nil
}

// describe returns what a file without an entry in the manifest has, as far as it can be read.
func (t *Table) describe(name string) File {
	f := File{Name: name}
	var all extent
	err := t.scanFile(&f, func(id uuid.UUID, at int64) { all.add(extent{1, at, at, id, id}) })
	if err != nil || all.rows == 0 {
		return f
	}
	f.Rows, f.MinID, f.MaxID = all.rows, all.minID, all.maxID
	f.First, f.Last = time.UnixMicro(all.first).UTC(), time.UnixMicro(all.last).UTC()
	return f
}

// sequenceOf returns the number in a file's name, or 0.
func sequenceOf(name string) int64 {
	_, number, _ := strings.Cut(strings.TrimSuffix(name, fileExt), "-")
	n, _ := strconv.ParseInt(number, 10, 64)
	return n
}

// findErasures returns an entry for each file of erased ids.
func (t *Table) findErasures() (all []Erasure, err error) {
	entries, err := os.ReadDir(filepath.Join(t.dir, erasedDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		at, err := time.Parse(erasureTime, strings.TrimSuffix(e.Name(), ".ids"))
		if err != nil {
			continue // not one of these
		}
		b, err := os.ReadFile(filepath.Join(t.dir, erasedDir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read erased ids: %w", err)
		}
		all = append(all, Erasure{At: at, Rows: int64(len(b) / 16), IDs: erasedDir + "/" + e.Name(), SHA256: checksum(b)})
	}
	return all, nil
}
