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

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A Report is the result of a check.
type Report struct {
	Files   int   `json:"files"` // that were read, and are as they were written
	Rows    int64 `json:"rows"`  // in those
	Damaged []Gap `json:"damaged"`
}

// A Gap is a damaged file, and what the inbox still has of its time.
type Gap struct {
	Damaged
	// Rebuildable is whether the inbox still has all records from the file's time on.
	Rebuildable bool `json:"rebuildable"`
	// InboxFrom is when the oldest record of the inbox was received.
	InboxFrom time.Time `json:"inbox_from,omitzero"`
}

// Check compares the files with their checksums. A file that differs is moved to the folder
// damaged, and is in no answer any more. progress, which may be nil, is called after each file.
func (t *Table) Check(ctx context.Context, in *spool.Inbox, progress func(done, all int)) (Report, error) {
	files, _ := t.files()
	var r Report
	for i := range files {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		whole, err := t.checkFile(&files[i])
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
		r.Damaged = append(r.Damaged, Gap{d, !from.IsZero() && from.Before(d.First), from})
	}
	return r, nil
}

func (t *Table) checkFile(f *File) (whole bool, err error) {
	// A file that is merged meanwhile would be both damaged and a part of another.
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	return t.verify(f)
}

// checkRest reads the manifests and the ids of erasures. It writes damaged manifests anew, forgets
// the damaged files that the operator has deleted, and notes when the check was.
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
			t.log.Error("a manifest is damaged and is written anew", "error", err)
			changes = 2 // the first makes the damaged one the previous one
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

// verify compares a file with its checksum, and takes it out of the table where it differs.
func (t *Table) verify(f *File) (whole bool, err error) {
	file, err := os.Open(filepath.Join(t.dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, t.giveUp(map[string]string{f.Name: "the file is missing"})
	}
	if err != nil {
		return false, fmt.Errorf("check table: %w", err) // it says nothing about the bytes
	}
	defer file.Close()
	sum, err := digest(file)
	switch {
	case err != nil:
		// The disk can't read it, which is how most damage shows.
		return false, t.giveUp(map[string]string{f.Name: err.Error()})
	case sum != f.SHA256:
		return false, t.giveUp(map[string]string{f.Name: "the checksum is wrong"})
	}
	return true, nil
}

// giveUp takes files, with the reasons, out of the table and moves them to the folder damaged. It
// passes over those that the manifest does not name any more.
func (t *Table) giveUp(reasons map[string]string) error {
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

// moveDamaged moves a file to the folder damaged. For one that is missing it makes an empty file
// there: the operator deletes it when the rows are rebuilt or given up.
func (t *Table) moveDamaged(name string) error {
	to := filepath.Join(t.dir, damagedDir, name)
	err := os.Rename(filepath.Join(t.dir, name), to)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeSynced(to, nil)
	}
	if err == nil {
		err = syncDir(filepath.Join(t.dir, damagedDir))
	}
	if err != nil {
		return fmt.Errorf("move damaged file: %w", err)
	}
	return nil
}
