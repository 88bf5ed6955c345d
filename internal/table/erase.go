package table

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// erasePatience is how long Erase waits for the writer, and for queries that read the files it
// replaces.
const erasePatience = time.Minute

// Erase deletes the rows with these ids from the table, and the segments of the inbox that have
// such rows. When it returns nil, they are in no file of either, except those in the folder
// damaged, and no import brings them back. The ids and the time are kept; the condition that chose
// them is not, since it may name a person.
//
// The ids are of rows that were in the table when Flush had returned. Run follows the inbox.
func (t *Table) Erase(ctx context.Context, in *spool.Inbox, ids []uuid.UUID) (rows int64, err error) {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	erased := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		erased[id] = true
	}
	if len(ids) == 0 {
		return 0, nil
	}
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	// First the entry: whatever happens from here on, the rows do not come back.
	if err := t.recordErasure(ids); err != nil {
		return 0, fmt.Errorf("erase: %w", err)
	}
	tails := t.heldTails()
	files, _ := t.files()
	for i := range files {
		if files[i].lacks(ids[0], ids[len(ids)-1]) {
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
	return rows, t.waitObsolete(ctx, tails)
}

// recordErasure writes the sorted ids to a file and names it in the manifest.
func (t *Table) recordErasure(ids []uuid.UUID) error {
	now := time.Now().UTC()
	name := filepath.Join(erasedDir, now.Format("20060102T150405.000000000Z")+".ids")
	b := make([]byte, 0, 16*len(ids))
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	if err := writeSynced(filepath.Join(t.dir, name), b); err != nil {
		return err
	}
	if err := syncDir(filepath.Join(t.dir, erasedDir)); err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	return t.change(func(m *manifest) {
		m.Erasures = append(m.Erasures, Erasure{now.Truncate(time.Second), int64(len(ids)), filepath.ToSlash(name), hex.EncodeToString(sum[:])})
	})
}

// eraseFrom writes a file anew without the erased rows, where it has some.
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
	// The first time ends the newest segment, of which the second time has all.
	for range 2 {
		end, err := in.End()
		if err != nil || end == (spool.Cursor{}) {
			return err
		}
		s, err := t.Flush(ctx, in, erasePatience)
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

// heldTails returns the tails that queries read. That of the writer is newer than the last flush.
func (t *Table) heldTails() (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.held {
		if strings.HasPrefix(name, tailPrefix) && name != t.tail {
			names = append(names, name)
		}
	}
	return names
}

// waitObsolete deletes the replaced files as soon as no query reads them, and waits until the tails
// are gone.
func (t *Table) waitObsolete(ctx context.Context, tails []string) error {
	until := time.Now().Add(erasePatience)
	for {
		stay, err := t.deleteObsolete(0)
		t.mu.Lock()
		stays := stay > 0 || slices.ContainsFunc(tails, func(name string) bool { return t.held[name] > 0 })
		t.mu.Unlock()
		if err != nil || !stays {
			return err
		}
		if time.Now().After(until) {
			return errors.New("queries still read files with erased rows, which are deleted when those end")
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
