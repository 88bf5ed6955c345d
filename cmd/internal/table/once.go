package table

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/keys"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Three kinds of records can be in the inbox more than once:
//
//   - A beacon with an Idempotency-Key, which its sender repeats until it has an answer. The key
//     is looked up among those of the last 48 h.
//   - An imported record, or one that a log may have twice. Its id is looked up among the table's rows of its day.
//   - A record that is read again after a crash. The cursor in the manifest is behind it only if its
//     rows are in the table. Its key may be stored without them, but with the record's own position.

// openKeys opens the store of keys. It rebuilds a damaged one.
func (t *Table) openKeys() error {
	set, err := keys.Open(filepath.Join(t.dir, keysDir))
	if errors.Is(err, keys.ErrDamaged) {
		return t.rebuildKeys(err)
	}
	t.keys = set
	return err
}

// rebuildKeys makes a new store of keys from the rows of the last 48 h. After an error t.keys is
// nil.
func (t *Table) rebuildKeys(damage error) error {
	t.log.Error("the store of keys is damaged and is rebuilt", "error", damage)
	if t.keys != nil {
		t.keys.Close()
		t.keys = nil
	}
	dir := filepath.Join(t.dir, keysDir)
	t.rebuilding = true
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	set, err := keys.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(t.addKeys(set), set.Sync()); err != nil {
		set.Close()
		return err
	}
	t.keys, t.rebuilding = set, false
	return nil
}

// addKeys adds the ids of all rows and erasures of the last 48 h.
func (t *Table) addKeys(set *keys.Set) error {
	s, erasures := t.holdAll()
	defer s.Release()
	since := time.Now().Add(-keys.Window)
	var failed error
	for i := range s.Files {
		f := &s.Files[i]
		if f.Last.Before(since) {
			continue
		}
		_, err := t.scan(f, func(id uuid.UUID, micros int64) {
			if at := time.UnixMicro(micros); failed == nil && at.After(since) {
				failed = set.Add(id, 0, at)
			}
		})
		if err != nil {
			t.log.Error("keys of a file are missing: a repeated beacon may become two rows", "file", f.Name, "error", err)
		}
	}
	for _, e := range erasures {
		if failed == nil && e.At.After(since) {
			failed = t.eachErased(e, func(id uuid.UUID) {
				if failed == nil {
					failed = set.Add(id, 0, e.At)
				}
			})
		}
	}
	return failed
}

// errNoKeys is the damage of a store of keys that could not be rebuilt.
var errNoKeys = fmt.Errorf("there are no keys: %w", keys.ErrDamaged)

// needKeys opens the keys if that has failed before.
func (t *Table) needKeys() error {
	switch {
	case t.keys != nil:
		return nil
	case t.rebuilding:
		return errNoKeys
	}
	return t.openKeys()
}

func (t *Table) syncKeys() error {
	if err := t.needKeys(); err != nil {
		return err
	}
	return t.keys.Sync()
}

// seen reports whether the record has the key of an earlier one, and stores the key. rows are those of
// the record.
func (t *Table) seen(it spool.Item, imported bool, rows []row.Row) (bool, error) {
	if it.Damage != nil || strings.Trim(it.Record.Request.Header.Get("Idempotency-Key"), " \t\"") == "" {
		return false, nil
	}
	if err := t.needKeys(); err != nil {
		return false, err
	}
	r, position := &it.Record, positionOf(it.At)
	if imported {
		if time.Since(r.Date).Abs() > keys.Window {
			return false, nil
		}
		return false, t.keys.Add(r.ID, position, r.Date)
	}
	repeated, err := t.keys.Seen(r.ID, position, r.Date)
	if err == nil && !repeated && rows[0].ID != r.ID {
		// A rebuilt store has the ids of a batch's rows, and not that of the batch.
		repeated, err = t.keys.Seen(rows[0].ID, position, r.Date)
	}
	if err != nil || repeated {
		return repeated, err
	}
	return false, t.keys.Add(r.ID, position, r.Date)
}

// positionOf returns a hash of a cursor that is not 0, which addKeys uses for all rows of the table.
func positionOf(c spool.Cursor) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s:%d", c.Segment, c.Offset)
	return max(h.Sum64(), 1)
}

// resolveLookUps removes the pending rows to look up that are in the table, that were erased, or that
// repeat another pending row.
func (w *writer) resolveLookUps() error {
	p := &w.pending
	if p.lookUps == 0 {
		return nil
	}
	there, err := w.t.find(p.rows)
	if err != nil {
		return fmt.Errorf("look up beacons: %w", err)
	}
	kept := p.rows[:0]
	for _, r := range p.rows {
		known, lookedUp := there[r.id]
		if r.lookUp && known {
			p.bytes -= int64(len(r.packed))
			continue
		}
		if lookedUp {
			there[r.id] = true
		}
		r.lookUp = false
		kept = append(kept, r)
	}
	clear(p.rows[len(kept):])
	p.rows, p.lookUps = kept, 0
	return nil
}

// find returns the ids of those rows that are to be looked up. An id is true if it was erased, or if a file
// has it in a row that was received on the same day as one of the rows.
func (t *Table) find(rows []pendingRow) (map[uuid.UUID]bool, error) {
	ids := map[uuid.UUID]bool{}
	var days []int64
	for _, r := range rows {
		if r.lookUp {
			ids[r.id] = false
			days = append(days, dayOf(r.at))
		}
	}
	slices.Sort(days)
	days = slices.Compact(days)
	s, erasures := t.holdAll()
	defer s.Release()
	note := func(id uuid.UUID) {
		if _, wanted := ids[id]; wanted {
			ids[id] = true
		}
	}
	least, greatest := bounds(ids)
	for i := range s.Files {
		f := &s.Files[i]
		first, _ := slices.BinarySearch(days, dayOf(f.First.UnixMicro()))
		if first == len(days) || days[first] > dayOf(f.Last.UnixMicro()) || f.lacks(least, greatest) {
			continue
		}
		if _, err := t.scan(f, func(id uuid.UUID, _ int64) { note(id) }); err != nil {
			return nil, err
		}
	}
	for _, e := range erasures {
		if err := t.eachErased(e, note); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// lacks reports whether the file can't have ids from least to greatest.
func (f *File) lacks(least, greatest uuid.UUID) bool {
	return bytes.Compare(f.MaxID[:], least[:]) < 0 || bytes.Compare(f.MinID[:], greatest[:]) > 0
}

func bounds(ids map[uuid.UUID]bool) (least, greatest uuid.UUID) {
	var all extent
	for id := range ids {
		all.add(extent{rows: 1, minID: id, maxID: id})
	}
	return all.minID, all.maxID
}

// scan calls use with the id and the received_at (in microseconds) of each row of a file. A damaged
// file is removed from the table, and whole is false; use may have been called then.
func (t *Table) scan(f *File, use func(id uuid.UUID, at int64)) (whole bool, err error) {
	err = t.scanFile(f, use)
	if err == nil {
		return true, nil
	}
	if whole, failed := t.verify(f); failed != nil || !whole {
		return false, failed
	}
	return false, err
}

func (t *Table) scanFile(f *File, use func(id uuid.UUID, at int64)) (err error) {
	defer func() {
		if p := recover(); p != nil { // the library panics for some damaged files
			err = fmt.Errorf("read table: %s: %v", f.Name, p)
		}
	}()
	src, err := openFile(t.dir, f.Name, t.layout)
	if err != nil {
		return err
	}
	defer src.Close()
	buf := make([]parquet.Value, 1024)
	for _, g := range src.RowGroups() {
		columns, ids := g.ColumnChunks(), make([]uuid.UUID, 0, min(g.NumRows(), groupRows))
		err := eachValue(columns[src.columns[t.layout.id]], buf, func(v parquet.Value) { ids = append(ids, uuid.UUID(v.ByteArray())) })
		if err == nil {
			n := 0
			err = eachValue(columns[src.columns[t.layout.at]], buf, func(v parquet.Value) {
				use(ids[n], v.Int64())
				n++
			})
		}
		if err != nil {
			return fmt.Errorf("read table: %s: %w", f.Name, err)
		}
	}
	return nil
}

// eachErased calls use with each id of an erasure.
func (t *Table) eachErased(e Erasure, use func(uuid.UUID)) error {
	b, err := os.ReadFile(filepath.Join(t.dir, e.IDs))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if checksum(b) != e.SHA256 {
		t.log.Error("the ids of an erasure are damaged: an import may bring its beacons back", "file", e.IDs)
	}
	for len(b) >= 16 {
		use(uuid.UUID(b[:16]))
		b = b[16:]
	}
	return nil
}
