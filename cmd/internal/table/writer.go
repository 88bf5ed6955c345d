package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/keys"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// A flush is due at this number of rows, or of their bytes, or at this age of the oldest record.
	flushRows  = 64 << 10
	flushBytes = 24 << 20
	flushAge   = time.Minute
	// readStep is how many records are read before the waiting requests are checked again.
	readStep = 1024
	// wakeDelay is how long the writer sleeps after the first new beacon, so that it reads many at a
	// time. A request ends the sleep.
	wakeDelay = 500 * time.Millisecond

	minBackoff = 100 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// A writer is one call of Run.
type writer struct {
	t      *Table
	in     *spool.Inbox
	reader *spool.InboxReader
	cursor spool.Cursor // after the last record that was read

	pending  pendingRows
	row      parquet.Row // a buffer of take
	since    time.Time   // when the first record since the last flush was read, or zero
	consumed int64       // bytes of the inbox read since the last flush
	arrived  time.Time   // when the newest record was received
	expired  time.Time   // the value of arrived when old keys were deleted

	tailed  int // how many of the pending rows, from the first one on, are in tails
	waiting []*request

	groups, records int64     // of the inbox when yields looked last
	peak            time.Time // when it first yielded since the writer was at the inbox's end, or zero
	peakWritten     int64     // bytes of the inbox then

	backoff time.Duration // after the last failed flush; 0 after a successful one
	retry   time.Time     // of the next flush after a failed one
}

// Run follows the inbox until ctx is done, and then flushes the rows that it has read. If a flush
// fails, the rows stay in the inbox and Run retries with a back-off, without limit. It is called once.
func (t *Table) Run(ctx context.Context, in *spool.Inbox) error {
	defer close(t.ended)
	w := &writer{t: t, in: in, pending: pendingRows{layout: t.layout}, row: t.layout.rows(1)[0]}
	if err := w.begin(); err != nil {
		return fmt.Errorf("follow inbox: %w", err)
	}
	defer func() { w.reader.Close() }()
	for ctx.Err() == nil {
		if w.yields(ctx) {
			continue
		}
		added := in.Added() // before the read: a beacon that comes after it wakes the writer
		atEnd, err := w.read(ctx)
		if err != nil {
			if w.recover(err) {
				continue
			}
			t.log.Error("the inbox can't be read now", "error", err, "retry_in", maxBackoff)
			for retry := time.Now().Add(maxBackoff); time.Now().Before(retry) && ctx.Err() == nil; {
				w.answer(false)
				w.wait(ctx, nil, retry)
			}
			continue
		}
		w.answer(atEnd)
		if atEnd {
			w.peak = time.Time{}
		}
		if w.due() {
			w.tryFlush()
		}
		switch {
		case w.full(): // the flush failed
			w.wait(ctx, nil, w.retry)
		case atEnd && len(w.waiting) == 0 && w.wait(ctx, added, w.flushAt()):
			w.wait(ctx, nil, time.Now().Add(wakeDelay))
		}
	}
	err := w.tryFlush()
	w.endRequests()
	return err
}

// At a peak the writer leaves the CPU to the answers: while the inbox's groups have yieldGroup records
// or more, for yieldTime and yieldBytes at most. A query ends the pause.
const (
	yieldGroup = 16
	yieldTime  = 5 * time.Second
	yieldBytes = 160 << 20
	yieldPause = 20 * time.Millisecond
)

// yields pauses at a peak, and reports whether it did.
func (w *writer) yields(ctx context.Context) bool {
	groups, records := w.in.Groups()
	peak := groups > w.groups && (records-w.records)/(groups-w.groups) >= yieldGroup
	w.groups, w.records = groups, records
	if !peak || len(w.waiting) > 0 {
		return false
	}
	if w.peak.IsZero() {
		w.peak, w.peakWritten = time.Now(), w.in.Written()
	}
	if time.Since(w.peak) > yieldTime || w.in.Written()-w.peakWritten > yieldBytes {
		return false
	}
	w.wait(ctx, nil, time.Now().Add(yieldPause))
	return true
}

// begin sets the reader to the cursor of the manifest.
func (w *writer) begin() error {
	w.cursor = w.t.cursor()
	end, err := w.in.End()
	if err != nil {
		return err
	}
	if end.Before(w.cursor) {
		// Segments before the table's cursor were deleted. New segments may have names that sort before
		// it. They must be read after a crash too, so the manifest gets the new cursor now.
		w.t.log.Warn("the inbox ends before the table's cursor", "inbox", end, "table", w.cursor)
		w.cursor = end
		if err := w.t.change(func(m *manifest) { m.Cursor = end }); err != nil {
			return err
		}
	}
	w.reader = w.in.Reader(w.cursor)
	w.t.setReached(w.cursor, 0, 0)
	return nil
}

// recover continues after the last record that was taken. If err is about damaged keys, it rebuilds
// them and continues at the manifest's cursor, since the pending rows were looked up in the damaged
// keys. It reports whether there are new keys.
func (w *writer) recover(err error) (recovered bool) {
	if errors.Is(err, keys.ErrDamaged) {
		w.t.setReached(w.t.cursor(), -w.consumed, 0)
		w.clear()
		w.cursor = w.t.cursor()
		failed := w.t.rebuildKeys(err)
		if failed != nil {
			w.t.log.Error("the keys can't be rebuilt now", "error", failed)
		}
		recovered = failed == nil
	}
	w.reader.Close()
	w.reader = w.in.Reader(w.cursor)
	return recovered
}

// clear removes the pending rows.
func (w *writer) clear() {
	w.dropTails()
	w.pending.clear()
	w.since, w.consumed = time.Time{}, 0
}

// cursor returns the cursor of the manifest.
func (t *Table) cursor() spool.Cursor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.manifest.Cursor
}

// setReached sets how far the writer has read, and adds to the bytes that it has read.
func (t *Table) setReached(c spool.Cursor, bytes int64, pending int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reached, t.pending = c, pending
	t.consumed += bytes
}

// read takes at most readStep records from the inbox, while pending has room.
func (w *writer) read(ctx context.Context) (atEnd bool, err error) {
	bytes := int64(0)
	defer func() {
		w.consumed += bytes
		w.t.setReached(w.cursor, bytes, len(w.pending.rows))
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

// take adds a record's rows to pending, unless it is a repetition.
func (w *writer) take(it spool.Item) error {
	imported := it.Damage == nil && it.Record.Extra.Get(row.ImportedField) != ""
	lookUp := imported || it.Damage == nil && it.Record.Extra.Get(row.AgainField) != ""
	if it.Damage == nil && !imported {
		w.arrived = it.Record.Date
	}
	rows := rowsOf(it)
	repeated, err := w.t.seen(it, imported, rows)
	if err != nil || repeated {
		return err
	}
	for i := range rows {
		if w.t.options.Check != nil {
			w.t.options.Check(&rows[i])
		}
		w.t.layout.fill(w.row, &rows[i])
		w.pending.add(w.row, lookUp)
	}
	return nil
}

func (w *writer) full() bool {
	return len(w.pending.rows) >= flushRows || w.pending.bytes >= flushBytes
}

// flushAt returns when the next flush is due, unless pending is full before.
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

// wait returns when added is closed, when a request comes, at the first deadline of the waiting
// requests, or at until. It reports whether added is closed.
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
	case a := <-w.t.requests:
		w.waiting = append(w.waiting, a)
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
