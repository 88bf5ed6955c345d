package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A Report is the result of a check.
type Report struct {
	Files   int   `json:"files"`   // with the right checksum
	Rows    int64 `json:"rows"`    // in those files
	Damaged []Gap `json:"damaged"` // found now or earlier, and not deleted by the operator
}

// A Gap is a damaged file, and whether its rows can be read from the inbox again.
type Gap struct {
	Damaged
	// Rebuildable means that the inbox has all records since the file's oldest row.
	Rebuildable bool `json:"rebuildable"`
	// InboxFrom is when the oldest record of the inbox was received, or zero.
	InboxFrom time.Time `json:"inbox_from,omitzero"`
}

// segmentDelay is how much later than its first record a segment can be begun: a beacon's time is that
// of its arrival, before its body is read.
const segmentDelay = time.Minute

// Check compares the files with their checksums. A damaged file is moved to the folder damaged, and no
// query reads it any more. progress, if it is not nil, is called after each file.
func (t *Table) Check(ctx context.Context, in *spool.Inbox, progress func(done, all int)) (Report, error) {
	files, _ := t.files()
	var r Report
	for i := range files {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		whole, err := t.CheckFile(&files[i])
		if err != nil {
			return r, err
		}
		if whole {
			r.Files++
			r.Rows += files[i].Rows
		}
		if progress != nil {
			progress(i+1, len(files))
		}
	}
	if err := t.checkRest(); err != nil {
		return r, err
	}
	from := in.Oldest()
	for _, d := range t.Status().Damaged {
		r.Damaged = append(r.Damaged, Gap{d, !from.IsZero() && from.Before(d.First.Add(segmentDelay)), from})
	}
	return r, nil
}

// CheckFile compares one file with its checksum. It moves a damaged file to the folder damaged, as
// Check does.
func (t *Table) CheckFile(f *File) (whole bool, err error) {
	// A merge at the same time could read the damaged file.
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	return t.verify(f)
}

// checkRest reads the manifests and the ids of erasures. It replaces a damaged manifest, removes the
// entries of damaged files that the operator has deleted, and saves the time of the check.
func (t *Table) checkRest() error {
	t.mu.Lock()
	erasures := slices.Clone(t.manifest.Erasures)
	t.mu.Unlock()
	for _, e := range erasures {
		if err := t.eachErased(e, func(uuid.UUID) {}); err != nil {
			return fmt.Errorf("check table: %w", err)
		}
	}
	changes := 1
	for _, name := range []string{manifestName, previousName} {
		if err := t.checkManifest(name); err != nil {
			t.log.Error("a manifest is damaged and is replaced", "error", err)
			changes = 2 // the first change makes the damaged manifest the previous one
		}
	}
	for range changes {
		if err := t.change(func(m *manifest) {
			m.Checked = time.Now().UTC().Truncate(time.Second)
			m.Damaged = slices.DeleteFunc(m.Damaged, func(d Damaged) bool {
				_, err := os.Stat(filepath.Join(t.dir, damagedDir, d.Name))
				return errors.Is(err, fs.ErrNotExist)
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) checkManifest(name string) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	if _, err := readManifest(filepath.Join(t.dir, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// verify compares a file with its checksum. It marks a file that is missing or differs as damaged.
func (t *Table) verify(f *File) (whole bool, err error) {
	file, err := os.Open(filepath.Join(t.dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, t.markDamaged(map[string]string{f.Name: "the file is missing"})
	}
	if err != nil {
		return false, fmt.Errorf("check table: %w", err) // not a sign of damage: too many open files, for example
	}
	defer file.Close()
	sum, err := digest(file)
	switch {
	case err != nil:
		// A read error of the disk is the most frequent sign of damage.
		return false, t.markDamaged(map[string]string{f.Name: err.Error()})
	case sum != f.SHA256:
		return false, t.markDamaged(map[string]string{f.Name: "the checksum is wrong"})
	}
	return true, nil
}

// markDamaged removes files from the table and moves them to the folder damaged. reasons are by name. It
// ignores files that the manifest does not name any more.
func (t *Table) markDamaged(reasons map[string]string) error {
	if files, _ := t.files(); !slices.ContainsFunc(files, func(f File) bool { return reasons[f.Name] != "" }) {
		return nil
	}
	var lost []Damaged
	err := t.change(func(m *manifest) {
		gone := map[string]bool{}
		for _, f := range m.Files {
			if why := reasons[f.Name]; why != "" {
				gone[f.Name] = true
				lost = append(lost, Damaged{f, why, time.Now().UTC().Truncate(time.Second)})
			}
		}
		m.Files = without(m.Files, gone)
		m.Damaged = append(m.Damaged, lost...)
	})
	if err != nil {
		return err
	}
	for _, d := range lost {
		if err := t.moveDamaged(d.Name); err != nil {
			return err
		}
		t.mu.Lock()
		delete(t.obsolete, d.Name)
		t.mu.Unlock()
		t.log.Error("a file of the table is damaged", "file", d.Name, "moved_to", filepath.Join(t.dir, damagedDir), "reason", d.Reason, "rows", d.Rows, "from", d.First, "to", d.Last)
	}
	return nil
}

// moveDamaged moves a file to the folder damaged. For a missing file it makes an empty one there: the
// operator deletes it after rebuilding the rows, or to accept the loss.
func (t *Table) moveDamaged(name string) error {
	to := filepath.Join(t.dir, damagedDir, name)
	err := os.Rename(filepath.Join(t.dir, name), to)
	if errors.Is(err, fs.ErrNotExist) {
		err = durable.WriteSynced(to, nil)
	}
	if err == nil {
		err = durable.SyncDir(filepath.Join(t.dir, damagedDir))
	}
	if err != nil {
		return fmt.Errorf("move damaged file: %w", err)
	}
	return nil
}
