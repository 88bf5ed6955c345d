package table

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/keys"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// tailRows is how many rows the tails have at most. A query flushes more rows than that.
	tailRows = 8 << 10
	// maxTails is how many tails a query opens at most.
	maxTails = 16
	// expireEvery is how often old keys are deleted.
	expireEvery = time.Hour
)

// tryFlush flushes. It logs an error and sets the time of the next attempt.
func (w *writer) tryFlush() error {
	err := w.flush()
	w.t.mu.Lock()
	w.t.failing = err
	w.t.mu.Unlock()
	if err == nil {
		w.backoff, w.retry = 0, time.Time{}
		return nil
	}
	w.backoff = min(max(2*w.backoff, minBackoff), maxBackoff)
	w.retry = time.Now().Add(w.backoff)
	w.t.log.Error("beacons can't be stored now and are kept in the inbox", "error", err, "retry_in", w.backoff)
	if errors.Is(err, keys.ErrDamaged) && w.recover(err) {
		w.retry = time.Time{}
	}
	return err
}

// flush writes the pending rows into files, one for each period of their arrival, and then the
// manifest with these files and the writer's cursor.
func (w *writer) flush() error {
	before := w.t.cursor()
	if w.cursor == before {
		return nil
	}
	if err := w.resolveLookUps(); err != nil {
		return err
	}
	// Keys before rows: if the rows are not committed, their records are read again at the same
	// position, which their keys have.
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
	w.t.setReached(w.cursor, 0, 0)
	w.afterFlush(before)
	select {
	case w.t.flushed <- struct{}{}:
	default:
	}
	return nil
}

// afterFlush trims the inbox and deletes old keys. before is the cursor of the previous manifest: the
// inbox keeps what that manifest lacks.
func (w *writer) afterFlush(before spool.Cursor) {
	if before.Segment != w.cursor.Segment {
		if err := w.in.Trim(before); err != nil {
			w.t.log.Error("the inbox keeps beacons that are in the table", "error", err)
		}
	}
	// The clock is not w.arrived: with a backlog the writer reads records of days ago.
	if w.arrived.Sub(w.expired).Abs() < expireEvery {
		return
	}
	w.expired = w.arrived
	if err := w.t.keys.Expire(w.arrived); err != nil {
		w.t.log.Error("old keys can't be deleted", "error", err)
	}
}

// writeFiles writes the pending rows into files.
func (w *writer) writeFiles(now time.Time) (files []File, err error) {
	w.dropTails() // their rows are the first pending ones, until the sort
	rows := w.pending.rows
	slices.SortStableFunc(rows, func(a, b pendingRow) int { return cmp.Compare(dayOf(a.at), dayOf(b.at)) })
	for len(rows) > 0 {
		name, n := firstPeriod(rows, now)
		f, err := w.t.writeRows(w.t.nextName(name), rows[:n], true)
		if err != nil {
			w.t.discard(files)
			return nil, err
		}
		files, rows = append(files, f), rows[n:]
	}
	return files, nil
}

// firstPeriod returns the period of the first row, and how many rows at the beginning belong to it.
func firstPeriod(rows []pendingRow, now time.Time) (name string, n int) {
	name, _ = period(time.UnixMicro(rows[0].at), now)
	day := dayOf(rows[0].at)
	for n = 1; n < len(rows); n++ {
		if d := dayOf(rows[n].at); d != day {
			if next, _ := period(time.UnixMicro(rows[n].at), now); next != name {
				break
			}
			day = d
		}
	}
	return name, n
}

// dayOf returns the number of the UTC day since 1970.
func dayOf(micros int64) int64 {
	const day = 86400 * 1e6
	d := micros / day
	if micros < 0 && micros%day != 0 {
		d--
	}
	return d
}

// writeRows writes a file of rows.
func (t *Table) writeRows(name string, rows []pendingRow, sync bool) (File, error) {
	f, err := newFile(t.dir, name, t.layout)
	if err != nil {
		return File{}, err
	}
	if err := f.writePending(rows); err != nil {
		f.discard()
		return File{}, err
	}
	return f.finish(sync, time.Now())
}

// writeTails writes the pending rows that no tail has into a new tail: a file that is not synced and
// that no manifest names. A query therefore writes only the rows that came since the previous query.
// The tail after the first maxTails ones has all pending rows and replaces them.
func (w *writer) writeTails() error {
	if err := w.resolveLookUps(); err != nil {
		return err
	}
	if w.tailed == len(w.pending.rows) {
		return nil
	}
	from := w.tailed
	if len(w.t.tails) == maxTails {
		from = 0
	}
	w.t.mu.Lock()
	w.t.tailNumber++
	name := fmt.Sprintf("%s%06d%s", tailPrefix, w.t.tailNumber, fileExt)
	w.t.mu.Unlock()
	f, err := w.t.writeRows(name, w.pending.rows[from:], false)
	if err != nil {
		return err
	}
	if from == 0 {
		w.dropTails()
	}
	w.tailed = len(w.pending.rows)
	w.t.mu.Lock()
	w.t.readers[name]++
	w.t.tails = append(w.t.tails, f)
	w.t.mu.Unlock()
	return nil
}

// dropTails removes the tails. The file of each is deleted when no query reads it any more.
func (w *writer) dropTails() {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	for _, f := range w.t.tails {
		w.t.release(f.Name)
	}
	w.t.tails, w.tailed = nil, 0
}
