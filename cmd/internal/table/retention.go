package table

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// retain deletes the rows and inbox segments that are beyond the limits of Options.
func (t *Table) retain(ctx context.Context, in *spool.Inbox, now time.Time) error {
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	if t.options.MaxAge > 0 {
		if err := t.deleteBefore(ctx, now); err != nil {
			return err
		}
		segments, err := in.Forget(now, t.options.MaxAge, t.cursor())
		if segments > 0 {
			t.log.Info("old segments of the inbox are deleted", "segments", segments)
		}
		if err != nil {
			return err
		}
	}
	if t.options.MaxBytes > 0 {
		return t.deleteOldest()
	}
	return nil
}

// deleteBefore deletes the rows that are older than MaxAge. A file that has younger rows too is
// rewritten when its oldest row is older than MaxAge by 1/100 of it, and by at least an hour.
func (t *Table) deleteBefore(ctx context.Context, now time.Time) error {
	cut := now.Add(-t.options.MaxAge)
	late := cut.Add(-max(t.options.MaxAge/100, time.Hour))
	files, _ := t.files()
	gone, rows := map[string]bool{}, int64(0)
	for _, f := range files {
		switch {
		case f.Last.Before(cut):
			gone[f.Name] = true
			rows += f.Rows
		case f.First.Before(late):
			name, _ := period(f.Last, now)
			kept, err := t.rewrite(ctx, name, []File{f}, func(r parquet.Row) bool { return r[t.layout.at].Int64() < cut.UnixMicro() })
			if err != nil {
				return err
			}
			rows += f.Rows - kept
		}
	}
	if err := t.deleteDamaged(cut); err != nil || rows == 0 {
		return err
	}
	if err := t.change(func(m *manifest) { m.Files = without(m.Files, gone) }); err != nil {
		return err
	}
	t.log.Info("beacons older than the limit are deleted", "rows", rows, "older_than", t.options.MaxAge)
	return nil
}

// deleteDamaged deletes the damaged files whose rows are all older than cut.
func (t *Table) deleteDamaged(cut time.Time) error {
	old := func(d Damaged) bool { return d.Last.Before(cut) }
	damaged := t.Status().Damaged
	if !slices.ContainsFunc(damaged, old) {
		return nil
	}
	for _, d := range damaged {
		if !old(d) {
			continue
		}
		if err := os.Remove(filepath.Join(t.dir, damagedDir, d.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete damaged file: %w", err)
		}
	}
	return t.change(func(m *manifest) { m.Damaged = slices.DeleteFunc(m.Damaged, old) })
}

// deleteOldest deletes the files with the oldest rows until the files have at most MaxBytes.
func (t *Table) deleteOldest() error {
	files, total := t.files()
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.Name, b.Name)) })
	gone, rows := map[string]bool{}, int64(0)
	for _, f := range files {
		if total <= t.options.MaxBytes {
			break
		}
		gone[f.Name] = true
		total -= f.Bytes
		rows += f.Rows
	}
	if rows == 0 {
		return nil
	}
	if err := t.change(func(m *manifest) { m.Files = without(m.Files, gone) }); err != nil {
		return err
	}
	t.log.Info("beacons are deleted to make room", "rows", rows, "max_bytes", t.options.MaxBytes)
	return nil
}
