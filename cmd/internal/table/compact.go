package table

import (
	"context"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// copyShare: a row group with at least 1/copyShare of the limits is copied without decoding it. Smaller
// ones are merged.
const copyShare = 4

// limit returns the largest size of a file in bytes, for a table of total bytes. It grows with the
// table, so that there are few files. With MaxBytes it is small, because whole files are deleted then.
func (t *Table) limit(total int64) int64 {
	most := max(maxFile, total/64)
	if t.options.MaxBytes > 0 {
		most = min(most, max(t.options.MaxBytes/16, 1<<20))
	}
	return most
}

// Compact merges files until no merge is due, and rewrites the files that have other declared columns
// than the table. progress, if it is not nil, is called after each new file with the number of files
// that it replaces and of its rows.
func (t *Table) Compact(ctx context.Context, progress func(files, rows int64)) error {
	return t.compact(ctx, time.Now, progress)
}

func (t *Table) compact(ctx context.Context, now func() time.Time, progress func(files, rows int64)) error {
	for ctx.Err() == nil {
		files, rows, err := t.compactOnce(ctx, now())
		if err != nil || files == 0 {
			return err
		}
		if progress != nil {
			progress(files, rows)
		}
	}
	return context.Cause(ctx)
}

// compactOnce writes one new file and returns how many files it replaces. 0 means that none is due.
func (t *Table) compactOnce(ctx context.Context, now time.Time) (files, rows int64, err error) {
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	all, total := t.files()
	name, chosen := plan(all, now, t.limit(total))
	if len(chosen) == 0 {
		i := slices.IndexFunc(all, func(f File) bool { return !slices.Equal(f.Columns, t.layout.declared) })
		if i < 0 {
			return 0, 0, nil
		}
		name, _ = period(all[i].Last, now)
		chosen = all[i : i+1]
	}
	rows, err = t.rewrite(ctx, name, chosen, nil)
	return int64(len(chosen)), rows, err
}

// files returns the files of the manifest and their bytes.
func (t *Table) files() ([]File, int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.manifest.Files), t.manifest.bytes()
}

// rewrite replaces files by one new file, without the rows for which drop is true; nil drops none. It
// returns how many rows the new file has. Without rows it makes no file. If one of the files is
// damaged, rewrite only marks it as damaged. The caller holds maintenance.
func (t *Table) rewrite(ctx context.Context, name string, files []File, drop func(parquet.Row) bool) (int64, error) {
	for i := range files {
		// Damaged bytes must not get a new checksum.
		if whole, err := t.verify(&files[i]); err != nil || !whole {
			return 0, err
		}
	}
	w, err := newFile(t.dir, t.nextName(name), t.layout)
	if err != nil {
		return 0, err
	}
	if err := t.copyRows(ctx, w, files, drop); err != nil {
		w.discard()
		return 0, err
	}
	f, err := w.finish(true, time.Now())
	if err != nil {
		return 0, err
	}
	gone := map[string]bool{}
	for _, old := range files {
		gone[old.Name] = true
		if drop == nil && old.Made.After(f.Made) {
			f.Made = old.Made
		}
	}
	err = t.change(func(m *manifest) {
		m.Files = without(m.Files, gone)
		if f.Rows > 0 {
			m.Files = append(m.Files, f)
		}
	})
	if err != nil || f.Rows == 0 {
		w.discard()
	}
	return f.Rows, err
}

// fitGroup reports whether rows with these bytes in total can be one row group.
func fitGroup(rows, bytes int64) bool {
	return rows <= groupRows && bytes <= groupBytes && (bytes <= vectorBytes || bytes/rows <= vectorBytes/vectorRows)
}

// copyRows writes the rows of files to w. If all rows and columns of a file are kept, its row groups are
// written column by column, and large ones are copied without decoding them.
func (t *Table) copyRows(ctx context.Context, w *fileWriter, files []File, drop func(parquet.Row) bool) error {
	var batch []parquet.RowGroup
	var kept []parquet.Row
	var rows, bytes int64
	end := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := w.writeGroups(batch)
		batch, rows, bytes = batch[:0], 0, 0
		return err
	}
	for i := range files {
		f := &files[i]
		src, err := openFile(t.dir, f.Name, t.layout)
		if err != nil {
			return err
		}
		defer src.Close()
		derive := !slices.Equal(f.Columns, t.layout.declared)
		asIs := drop == nil && !derive && parquet.EqualNodes(src.Schema(), t.layout.schema)
		if asIs {
			w.all.add(extent{f.Rows, f.First.UnixMicro(), f.Last.UnixMicro(), f.MinID, f.MaxID})
		}
		for j, g := range src.RowGroups() {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n, size := g.NumRows(), src.Metadata().RowGroups[j].TotalByteSize
			large := n >= groupRows/copyShare || size >= groupBytes/copyShare
			if !asIs || large || !fitGroup(rows+n, bytes+size) {
				if err := end(); err != nil {
					return err
				}
			}
			switch {
			case !asIs:
				err = src.rows(g, derive, func(rows []parquet.Row) error {
					kept = kept[:0]
					for _, r := range rows {
						if drop == nil || !drop(r) {
							kept = append(kept, r)
						}
					}
					return w.write(kept)
				})
			case large:
				err = w.writeGroups([]parquet.RowGroup{g})
			default:
				batch, rows, bytes = append(batch, g), rows+n, bytes+size
			}
			if err != nil {
				return err
			}
		}
	}
	return end()
}
