package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// eraseTimeout is how long Erase waits for the writer, and then for queries that read replaced files.
const eraseTimeout = time.Minute

// Erase deletes the rows with these ids from the table, and the segments of the inbox that have
// such rows. When it returns nil, no file of either has them, except files in the folder damaged, and
// no import adds them again. The ids and the time are kept. The condition that selected them is not
// kept, since it may name a person.
//
// The caller calls Flush before it selects the ids. Run must be running. After an error Erase can be
// repeated.
func (t *Table) Erase(ctx context.Context, in *spool.Inbox, ids []uuid.UUID) (rows int64, err error) {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if ids = slices.Compact(ids); len(ids) == 0 {
		return 0, nil
	}
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	// The entry first: after an error or a crash below, no import adds the rows again.
	e, err := t.recordErasure(ids)
	if err != nil {
		return 0, fmt.Errorf("erase: %w", err)
	}
	return t.finishErasure(ctx, in, e, ids)
}

// resumeErasures finishes the erasures that an error or the end of the process interrupted.
func (t *Table) resumeErasures(ctx context.Context, in *spool.Inbox) error {
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	t.mu.Lock()
	erasures := slices.Clone(t.manifest.Erasures)
	t.mu.Unlock()
	for _, e := range erasures {
		if e.Done {
			continue
		}
		var ids []uuid.UUID
		if err := t.eachErased(e, func(id uuid.UUID) { ids = append(ids, id) }); err != nil {
			return err
		}
		if _, err := t.finishErasure(ctx, in, e, ids); err != nil {
			return err
		}
	}
	return nil
}

// finishErasure deletes the rows with the ids of e, which are sorted. The caller holds maintenance.
func (t *Table) finishErasure(ctx context.Context, in *spool.Inbox, e Erasure, ids []uuid.UUID) (rows int64, err error) {
	erased := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		erased[id] = true
	}
	tails := t.tailsInUse()
	files, _ := t.files()
	for i := range files {
		if len(ids) == 0 || files[i].lacks(ids[0], ids[len(ids)-1]) {
			continue
		}
		n, err := t.eraseFrom(ctx, &files[i], erased)
		if err != nil {
			return rows, fmt.Errorf("erase: %w", err)
		}
		rows += n
	}
	if err := t.eraseFromInbox(ctx, in, erased); err != nil {
		return rows, fmt.Errorf("erase from inbox: %w", err)
	}
	t.log.Info("rows are erased", "rows", rows)
	if damaged := t.Status().Damaged; len(damaged) > 0 {
		t.log.Warn("damaged files may have erased rows: delete them", "folder", filepath.Join(t.dir, damagedDir), "files", len(damaged))
	}
	if err := t.waitObsolete(ctx, tails); err != nil {
		return rows, err
	}
	return rows, t.change(func(m *manifest) {
		for i := range m.Erasures {
			m.Erasures[i].Done = m.Erasures[i].Done || m.Erasures[i].IDs == e.IDs
		}
	})
}

// Erased reports whether rows of the record were erased. An import leaves such a record out: else the
// inbox would have it again. It is safe for concurrent use.
func (t *Table) Erased(r *warc.Record) bool {
	t.mu.Lock()
	erasures := slices.Clone(t.manifest.Erasures)
	t.mu.Unlock()
	if len(erasures) == 0 {
		return false
	}
	ids := []uuid.UUID{r.ID}
	if r.Extra.Get(row.BatchField) != "" {
		for _, one := range row.Rows(r) {
			ids = append(ids, one.ID)
		}
	}
	return slices.ContainsFunc(erasures, func(e Erasure) bool { return t.erasedBy(e, ids) })
}

// erasedBy reports whether one of the ids is among those of e, which are sorted in its file.
func (t *Table) erasedBy(e Erasure, ids []uuid.UUID) bool {
	f, err := os.Open(filepath.Join(t.dir, e.IDs))
	if err != nil {
		t.log.Error("the ids of an erasure can't be read: an import may add its beacons again", "error", err)
		return false
	}
	defer f.Close()
	return slices.ContainsFunc(ids, func(id uuid.UUID) bool {
		at := sort.Search(int(e.Rows), func(i int) bool {
			var got uuid.UUID
			f.ReadAt(got[:], int64(i)*16)
			return bytes.Compare(got[:], id[:]) >= 0
		})
		var got uuid.UUID
		_, err := f.ReadAt(got[:], int64(at)*16)
		return err == nil && got == id
	})
}

// erasureTime is the name of a file of ids, without its extension.
const erasureTime = "20060102T150405.000000000Z"

// recordErasure writes the sorted ids to a file and names it in the manifest.
func (t *Table) recordErasure(ids []uuid.UUID) (e Erasure, err error) {
	now := time.Now().UTC()
	name := filepath.Join(erasedDir, now.Format(erasureTime)+".ids")
	b := make([]byte, 0, 16*len(ids))
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	if err := durable.WriteSynced(filepath.Join(t.dir, name), b); err != nil {
		return e, err
	}
	if err := durable.SyncDir(filepath.Join(t.dir, erasedDir)); err != nil {
		return e, err
	}
	e = Erasure{At: now.Truncate(time.Second), Rows: int64(len(ids)), IDs: filepath.ToSlash(name), SHA256: checksum(b)}
	return e, t.change(func(m *manifest) { m.Erasures = append(m.Erasures, e) })
}

// eraseFrom rewrites a file without the erased rows, if it has some. It returns how many.
func (t *Table) eraseFrom(ctx context.Context, f *File, erased map[uuid.UUID]bool) (rows int64, err error) {
	whole, err := t.scan(f, func(id uuid.UUID, _ int64) {
		if erased[id] {
			rows++
		}
	})
	if err != nil || !whole || rows == 0 {
		return 0, err
	}
	name, _ := period(f.Last, time.Now())
	_, err = t.rewrite(ctx, name, []File{*f}, func(r parquet.Row) bool { return erased[uuid.UUID(r[t.layout.id].ByteArray())] })
	return rows, err
}

// eraseFromInbox deletes the segments that have erased rows.
func (t *Table) eraseFromInbox(ctx context.Context, in *spool.Inbox, erased map[uuid.UUID]bool) error {
	has := func(it spool.Item) bool {
		if it.Damage == nil && it.Record.Extra.Get(row.BatchField) == "" {
			return erased[it.Record.ID]
		}
		return slices.ContainsFunc(rowsOf(it), func(r row.Row) bool { return erased[r.ID] })
	}
	// The first call of in.Erase ends the newest segment, so that the second one can delete it.
	for range 2 {
		end, err := in.End()
		if err != nil || end == (spool.Cursor{}) {
			return err
		}
		s, err := t.Flush(ctx, in, eraseTimeout)
		if err != nil {
			return err
		}
		s.Release()
		if s.Behind > 0 {
			return fmt.Errorf("%d bytes of the inbox are not in the table yet: try again later", s.Behind)
		}
		if err := in.Erase(end, has); err != nil {
			return err
		}
		if more, _, err := in.Behind(end); err != nil || more == 0 {
			return err
		}
	}
	return nil
}

// tailsInUse returns the tails that queries read, without those of the writer, which are newer than the
// last flush.
func (t *Table) tailsInUse() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.readers {
		if strings.HasPrefix(name, tailPrefix) && !slices.ContainsFunc(t.tails, func(f File) bool { return f.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// waitObsolete deletes each replaced file when no query reads it any more, and waits until the tails
// are deleted too.
func (t *Table) waitObsolete(ctx context.Context, tails []string) error {
	until := time.Now().Add(eraseTimeout)
	for {
		stay, err := t.deleteObsolete(0)
		t.mu.Lock()
		stays := stay > 0 || slices.ContainsFunc(tails, func(name string) bool { return t.readers[name] > 0 })
		t.mu.Unlock()
		if err != nil || !stays {
			return err
		}
		if time.Now().After(until) {
			return errors.New("queries still read files with erased rows: the files are deleted when the queries end")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
