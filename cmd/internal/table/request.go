package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// ErrStopped is the error of Snapshot and Flush after Run has returned.
var ErrStopped = errors.New("the table's writer has ended")

// A request is a call of Snapshot or Flush. It waits until the writer has read up to end.
type request struct {
	end   spool.Cursor
	until time.Time // the deadline: then it is answered in any case
	flush bool      // flush before the answer
	reply chan reply
}

type reply struct {
	snapshot *Snapshot
	err      error
}

// Snapshot returns files with all beacons that the inbox had at the time of the call. If the writer
// needs longer than timeout to read them, the files have those that it has read by then, and Behind
// says how much is missing. The caller releases the Snapshot. Run runs meanwhile.
func (t *Table) Snapshot(ctx context.Context, in *spool.Inbox, timeout time.Duration) (*Snapshot, error) {
	return t.request(ctx, in, timeout, false)
}

// Flush is like Snapshot, but the beacons are in files of the manifest, and not in tails. It returns
// an error if the files can't be written.
func (t *Table) Flush(ctx context.Context, in *spool.Inbox, timeout time.Duration) (*Snapshot, error) {
	return t.request(ctx, in, timeout, true)
}

func (t *Table) request(ctx context.Context, in *spool.Inbox, timeout time.Duration, flush bool) (*Snapshot, error) {
	end, err := in.End()
	if err != nil {
		return nil, err
	}
	a := &request{end: end, until: time.Now().Add(timeout), flush: flush, reply: make(chan reply, 1)}
	select {
	case t.requests <- a:
	case <-t.ended:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the table: %w", context.Cause(ctx))
	}
	select {
	case r := <-a.reply:
		return r.snapshot, r.err
	case <-ctx.Done():
		go func() { // the writer answers each request, and its snapshot must be released
			if r := <-a.reply; r.snapshot != nil {
				r.snapshot.Release()
			}
		}()
		return nil, fmt.Errorf("wait for the table: %w", context.Cause(ctx))
	}
}

// answer answers the waiting requests whose end or deadline is reached, and then takes new requests.
// atEnd means that the writer has come to the inbox's end since it took the waiting requests.
func (w *writer) answer(atEnd bool) {
	kept := w.waiting[:0]
	for _, a := range w.waiting {
		// The last segment may end in bytes that are not a record. The cursor does not pass those.
		reached := atEnd || !w.cursor.Before(a.end)
		if !reached && time.Now().Before(a.until) {
			kept = append(kept, a)
			continue
		}
		r, err := w.reply(a, reached)
		a.reply <- r
		if err != nil {
			atEnd = false // the writer may have gone back to an earlier cursor
		}
	}
	clear(w.waiting[len(kept):])
	w.waiting = kept
	for {
		select {
		case a := <-w.t.requests:
			w.waiting = append(w.waiting, a)
		default:
			return
		}
	}
}

// reply returns files with all rows that were read. If those can't be written, it returns files with
// fewer rows, and the error.
func (w *writer) reply(a *request, reached bool) (reply, error) {
	var err error
	if a.flush || len(w.pending.rows) > tailRows {
		err = w.tryFlush()
	} else if err = w.writeTails(); err != nil {
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
	s := w.t.hold(w.t.tails)
	s.Behind = behind
	return reply{snapshot: s}, err
}

// endRequests answers the waiting requests with ErrStopped.
func (w *writer) endRequests() {
	for _, a := range w.waiting {
		a.reply <- reply{err: ErrStopped}
	}
	w.waiting = nil
}
