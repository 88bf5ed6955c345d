package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// ErrStopped is returned where the table's writer does not run any more.
var ErrStopped = errors.New("the table's writer has ended")

// An ask is a query that waits until the writer has read up to a place.
type ask struct {
	end   spool.Cursor
	until time.Time // then it is answered in any case
	flush bool      // all rows go into files
	reply chan reply
}

type reply struct {
	snapshot *Snapshot
	err      error
}

// Snapshot returns the files with all beacons that the inbox had when it was called, or, where
// the writer needs longer than patience for that, with those that it has read by then; Behind is
// how much is missing. The caller releases it.
func (t *Table) Snapshot(ctx context.Context, in *spool.Inbox, patience time.Duration) (*Snapshot, error) {
	return t.ask(ctx, in, patience, false)
}

// Flush writes all beacons that the inbox had when it was called into files, and returns those. It
// is like Snapshot, except that it returns an error where the files cannot be written.
func (t *Table) Flush(ctx context.Context, in *spool.Inbox, patience time.Duration) (*Snapshot, error) {
	return t.ask(ctx, in, patience, true)
}

func (t *Table) ask(ctx context.Context, in *spool.Inbox, patience time.Duration, flush bool) (*Snapshot, error) {
	end, err := in.End()
	if err != nil {
		return nil, err
	}
	a := &ask{end: end, until: time.Now().Add(patience), flush: flush, reply: make(chan reply, 1)}
	select {
	case t.asks <- a:
	case <-t.ended:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the table: %w", context.Cause(ctx))
	}
	select {
	case r := <-a.reply:
		return r.snapshot, r.err
	case <-ctx.Done():
		go func() { // the writer answers each ask, and a snapshot has to be released
			if r := <-a.reply; r.snapshot != nil {
				r.snapshot.Release()
			}
		}()
		return nil, fmt.Errorf("wait for the table: %w", context.Cause(ctx))
	}
}

// answer answers the queries that wait and that the writer has read enough for, or that have waited
// long enough, and then takes those that came meanwhile. atEnd is whether the writer has come to
// the inbox's end since it took the queries that wait.
func (w *writer) answer(atEnd bool) {
	kept := w.waiting[:0]
	for _, a := range w.waiting {
		// Before the end of the last segment there may be bytes that are not a record, which the
		// cursor does not pass.
		reached := atEnd || !w.cursor.Before(a.end)
		if !reached && time.Now().Before(a.until) {
			kept = append(kept, a)
			continue
		}
		r, err := w.reply(a, reached)
		a.reply <- r
		if err != nil {
			atEnd = false // the writer may have gone back
		}
	}
	clear(w.waiting[len(kept):])
	w.waiting = kept
	for {
		select {
		case a := <-w.t.asks:
			w.waiting = append(w.waiting, a)
		default:
			return
		}
	}
}

// reply returns the files with all rows that were read, or, where those can't be written, with
// fewer, and the reason.
func (w *writer) reply(a *ask, reached bool) (reply, error) {
	var err error
	if a.flush || len(w.pending.rows) > tailRows {
		err = w.tryFlush()
	} else if err = w.writeTail(); err != nil {
		w.t.log.Error("queries don't see the newest beacons", "error", err)
	}
	if err != nil && a.flush {
		return reply{err: err}, err
	}
	behind := int64(0)
	if err != nil || !reached {
		var failed error
		if behind, _, failed = w.in.Behind(w.cursor); failed != nil {
			return reply{err: failed}, err
		}
	}
	if err != nil {
		behind += w.consumed
	}
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	s := w.t.hold(w.tail)
	s.Behind = behind
	return reply{snapshot: s}, err
}

// refuse answers the queries that wait when the writer ends.
func (w *writer) refuse() {
	for _, a := range w.waiting {
		a.reply <- reply{err: ErrStopped}
	}
	w.waiting = nil
}
