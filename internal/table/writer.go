package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/table/keys"
)

const (
	// A flush is due at so many rows, so many bytes of them, or when the oldest has waited so long.
	flushRows  = 64 << 10
	flushBytes = 24 << 20
	flushAge   = time.Minute
	// readStep is how many records are read between two looks at the queries that wait.
	readStep = 1024
	// gather is how long the first beacon waits for others before the writer wakes up for them. A
	// query ends the wait.
	gather = 500 * time.Millisecond

	firstPause = 100 * time.Millisecond
	maxPause   = 15 * time.Second
)

// A writer is one call of Run.
type writer struct {
	t      *Table
	in     *spool.Inbox
	reader *spool.InboxReader
	cursor spool.Cursor // behind the last record that was read

	pending  pendingRows
	row      parquet.Row // the one that is added to pending
	since    time.Time   // when the first record after the last flush was read, or zero
	consumed int64       // bytes of the inbox read since the last flush
	arrived  time.Time   // when the newest record was received
	expired  time.Time   // the value of arrived when old keys were deleted

	tail    *File // the pending rows as a file, or nil
	tailed  int   // how many rows that has
	waiting []*ask

	pause time.Duration // between two attempts to flush; 0 where none has failed
	retry time.Time     // when the next attempt is due
}

// Run follows the inbox until ctx is done, and then flushes what it has read. Where a flush
// fails, the rows stay in the inbox and Run tries again for as long as it takes. It is called once.
func (t *Table) Run(ctx context.Context, in *spool.Inbox) error {
	defer close(t.ended)
	w := &writer{t: t, in: in, pending: pendingRows{layout: t.layout}, row: t.layout.rows(1)[0]}
	if err := w.begin(); err != nil {
		return fmt.Errorf("follow inbox: %w", err)
	}
	defer func() { w.reader.Close() }()
	for ctx.Err() == nil {
		added := in.Added() // before the look, so that no beacon is missed
		atEnd, err := w.read(ctx)
		if err != nil {
			if w.recover(err) {
				continue
			}
			t.log.Error("the inbox can't be read now", "error", err, "retry_in", maxPause)
			for retry := time.Now().Add(maxPause); time.Now().Before(retry) && ctx.Err() == nil; {
				w.answer(false)
				w.wait(ctx, nil, retry)
			}
			continue
		}
		w.answer(atEnd)
		if w.due() {
			w.tryFlush()
		}
		switch {
		case w.full(): // the flush failed
			w.wait(ctx, nil, w.retry)
		case atEnd && len(w.waiting) == 0 && w.wait(ctx, added, w.flushAt()):
			w.wait(ctx, nil, time.Now().Add(gather))
		}
	}
	err := w.tryFlush()
	w.refuse()
	return err
}

// begin sets the reader to where the manifest ends.
func (w *writer) begin() error {
	w.cursor = w.t.cursor()
	end, err := w.in.End()
	if err != nil {
		return err
	}
	if end.Before(w.cursor) {
		// Segments were deleted that the table has. The names of new ones may be before theirs, and
		// they must be found from this place on even after a crash.
		w.t.log.Warn("the inbox ends before the table's place in it", "inbox", end, "table", w.cursor)
		w.cursor = end
		if err := w.t.change(func(m *manifest) { m.Cursor = end }); err != nil {
			return err
		}
	}
	w.reader = w.in.Reader(w.cursor)
	w.t.moved(w.cursor, 0, 0)
	return nil
}

// recover goes back to the last record that was taken, or, where the keys are damaged, to the
// manifest, since what is pending was looked up in them. It reports whether that was the reason and
// there are new keys.
func (w *writer) recover(err error) (recovered bool) {
	if errors.Is(err, keys.ErrDamaged) {
		w.t.moved(w.t.cursor(), -w.consumed, 0)
		w.clear()
		w.cursor = w.t.cursor()
		failed := w.t.rebuildKeys(err)
		if failed != nil {
			w.t.log.Error("the keys can't be written anew now", "error", failed)
		}
		recovered = failed == nil
	}
	w.reader.Close()
	w.reader = w.in.Reader(w.cursor)
	return recovered
}

// clear removes the pending rows.
func (w *writer) clear() {
	w.dropTail()
	w.pending.clear()
	w.since, w.consumed = time.Time{}, 0
}

// cursor is the place up to which the inbox is in the files.
func (t *Table) cursor() spool.Cursor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.manifest.Cursor
}

// moved notes how far the writer has read.
func (t *Table) moved(c spool.Cursor, bytes int64, pending int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reached, t.pending = c, pending
	t.consumed += bytes
}

// read takes some records from the inbox, as long as there is room.
func (w *writer) read(ctx context.Context) (atEnd bool, err error) {
	bytes := int64(0)
	defer func() {
		w.consumed += bytes
		w.t.moved(w.cursor, bytes, len(w.pending.rows))
	}()
	for n := 0; n < readStep && !w.full() && ctx.Err() == nil; n++ {
		it, err := w.reader.TryNext()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err == nil {
			err = w.take(it)
		}
		if err != nil {
			return false, err
		}
		if w.cursor = it.Next; w.since.IsZero() {
			w.since = time.Now()
		}
		bytes += it.Next.Offset - it.At.Offset
	}
	return false, nil
}

// take makes a record's rows pending, where it is not a repetition.
func (w *writer) take(it spool.Item) error {
	imported := it.Damage == nil && it.Record.Extra.Get(row.ImportedField) != ""
	if it.Damage == nil && !imported {
		w.arrived = it.Record.Date
	}
	rows := rowsOf(it)
	repeated, err := w.t.seen(it, imported, rows)
	if err != nil || repeated {
		return err
	}
	for i := range rows {
		r := &rows[i]
		holdable(r)
		w.t.layout.fill(w.row, r)
		w.pending.add(w.row, imported)
	}
	return nil
}

func (w *writer) full() bool {
	return len(w.pending.rows) >= flushRows || w.pending.bytes >= flushBytes
}

// flushAt is when the next flush is due, unless the memory is full before.
func (w *writer) flushAt() time.Time {
	if w.since.IsZero() {
		return time.Now().Add(time.Hour)
	}
	if at := w.since.Add(flushAge); at.After(w.retry) {
		return at
	}
	return w.retry
}

func (w *writer) due() bool {
	now := time.Now()
	return !now.Before(w.retry) && (w.full() || !now.Before(w.flushAt()))
}

// wait returns when added is closed, which it reports, when a query comes, when one that waits has
// waited long enough, or at the time until.
func (w *writer) wait(ctx context.Context, added <-chan struct{}, until time.Time) bool {
	for _, a := range w.waiting {
		if a.until.Before(until) {
			until = a.until
		}
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-added:
		return true
	case a := <-w.t.asks:
		w.waiting = append(w.waiting, a)
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
