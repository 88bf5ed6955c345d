package table

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/table/keys"
)

const (
	// tailRows is how many rows a tail has at most: more are flushed.
	tailRows = 8 << 10
	// expireEvery is how often old keys are deleted.
	expireEvery = time.Hour
)

// tryFlush flushes. A failure is logged and sets the time of the next attempt.
func (w *writer) tryFlush() error {
	err := w.flush()
	w.t.mu.Lock()
	w.t.failing = err
	w.t.mu.Unlock()
	if err == nil {
		w.pause, w.retry = 0, time.Time{}
		return nil
	}
	w.pause = min(max(2*w.pause, firstPause), maxPause)
	w.retry = time.Now().Add(w.pause)
	w.t.log.Error("beacons can't be stored now and are kept in the inbox", "error", err, "retry_in", w.pause)
	if errors.Is(err, keys.ErrDamaged) && w.recover(err) {
		w.retry = time.Time{}
	}
	return err
}

// flush writes the pending rows into files, one for each period of their arrival, and then the
// manifest with the place up to which the inbox is in the table.
func (w *writer) flush() error {
	before := w.t.cursor()
	if w.cursor == before {
		return nil
	}
	if err := w.resolveImports(); err != nil {
		return err
	}
	// The keys first: a key of a row that is then not committed is found again with its own place.
	if err := w.t.syncKeys(); err != nil {
		return err
	}
	files, err := w.writeFiles(time.Now())
	if err != nil {
		return err
	}
	if err := w.t.change(func(m *manifest) {
		m.Files = append(m.Files, files...)
		m.Cursor = w.cursor
	}); err != nil {
		w.t.discard(files)
		return err
	}
	w.clear()
	w.t.moved(w.cursor, 0, 0)
	w.tidy(before)
	select {
	case w.t.flushed <- struct{}{}:
	default:
	}
	return nil
}

// tidy lets the inbox delete what both manifests have in the table, and deletes old keys.
func (w *writer) tidy(before spool.Cursor) {
	if before.Segment != w.cursor.Segment {
		if err := w.in.Trim(before); err != nil {
			w.t.log.Error("the inbox keeps beacons that are in the table", "error", err)
		}
	}
	// By the arrival of what was read: the writer may be days behind.
	if w.arrived.Sub(w.expired).Abs() < expireEvery {
		return
	}
	w.expired = w.arrived
	if err := w.t.keys.Expire(w.arrived); err != nil {
		w.t.log.Error("old keys can't be deleted", "error", err)
	}
}

// writeFiles writes the pending rows.
func (w *writer) writeFiles(now time.Time) (files []File, err error) {
	rows := w.pending.rows
	slices.SortStableFunc(rows, func(a, b pendingRow) int { return cmp.Compare(dayOf(a.at), dayOf(b.at)) })
	for len(rows) > 0 {
		name, _ := period(time.UnixMicro(rows[0].at), now)
		day, n := dayOf(rows[0].at), 1
		for ; n < len(rows); n++ {
			if d := dayOf(rows[n].at); d != day {
				if next, _ := period(time.UnixMicro(rows[n].at), now); next != name {
					break
				}
				day = d
			}
		}
		f, err := w.t.writeRows(w.t.nextName(name), rows[:n], true)
		if err != nil {
			w.t.discard(files)
			return nil, err
		}
		files, rows = append(files, f), rows[n:]
	}
	return files, nil
}

// dayOf is the number of the day in UTC.
func dayOf(micros int64) int64 {
	const day = 86400 * 1e6
	d := micros / day
	if micros < 0 && micros%day != 0 {
		d--
	}
	return d
}

// writeRows writes a file.
func (t *Table) writeRows(name string, rows []pendingRow, sync bool) (File, error) {
	f, err := newFile(t.dir, name, t.layout)
	if err != nil {
		return File{}, err
	}
	batch := t.layout.rows(batchRows)
	for some := range slices.Chunk(rows, batchRows) {
		for i := range some {
			t.layout.unpack(batch[i], some[i].packed)
		}
		if err := f.write(batch[:len(some)]); err != nil {
			f.discard()
			return File{}, err
		}
	}
	return f.finish(sync, time.Now())
}

// writeTail writes the pending rows into a file that is not synced and that no manifest names.
func (w *writer) writeTail() error {
	if w.tail != nil && w.tailed == len(w.pending.rows) {
		return nil
	}
	if err := w.resolveImports(); err != nil {
		return err
	}
	w.dropTail()
	if len(w.pending.rows) == 0 {
		return nil
	}
	w.t.mu.Lock()
	w.t.tails++
	name := fmt.Sprintf("%s%06d%s", tailPrefix, w.t.tails, fileExt)
	w.t.mu.Unlock()
	if err := os.Remove(filepath.Join(w.t.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := w.t.writeRows(name, w.pending.rows, false)
	if err != nil {
		return err
	}
	w.tail, w.tailed = &f, len(w.pending.rows)
	w.t.mu.Lock()
	w.t.held[name]++
	w.t.tail = name
	w.t.mu.Unlock()
	return nil
}

// dropTail gives the tail up. It is deleted when the last query that has it ends.
func (w *writer) dropTail() {
	if w.tail == nil {
		return
	}
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.letGo(w.tail.Name)
	w.t.tail = ""
	w.tail, w.tailed = nil, 0
}
