//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A progress is the place up to which an inbox is in the table.
type progress struct {
	mu    sync.Mutex
	at    spool.Cursor
	known bool          // that at is of this inbox, which Drain finds out
	moved chan struct{} // closed and renewed when at changes; nil while nobody waits
	asked bool          // somebody came to wait since the last look
	wake  func()        // ends Drain's waiting for beacons, while it waits
}

// CaughtUp waits until everything before end, a place from the inbox's End, is in the
// table, or until ctx is done. It needs a Drain that runs.
func (db *DB) CaughtUp(ctx context.Context, end spool.Cursor) error {
	p := &db.done
	for {
		p.mu.Lock()
		if p.known && !p.at.Before(end) {
			p.mu.Unlock()
			return nil
		}
		if p.moved == nil {
			p.moved = make(chan struct{})
		}
		moved := p.moved
		// The end may be that of a segment with no record in it, behind which Drain
		// has nothing to come to: it has to look where the end is.
		p.mu.Unlock()
		p.ask()
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for beacons to be in the table: %w", ctx.Err())
		}
	}
}

// At is the place in the inbox up to which everything is in the table.
func (db *DB) At() spool.Cursor {
	db.done.mu.Lock()
	defer db.done.mu.Unlock()
	return db.done.at
}

// ask ends Drain's waiting, if it waits, so that it begins another round.
func (p *progress) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = true
	if p.wake != nil {
		p.wake()
	}
}

// look begins a round of Drain, which finds out where the end is.
func (p *progress) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = false
}

// begin says that what is before c is in the table and nothing else, whatever was said before.
func (p *progress) begin(c spool.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = true
	p.move(c)
}

// reach says that everything before c is in the table.
func (p *progress) reach(c spool.Cursor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.Before(c) {
		p.move(c)
	}
}

func (p *progress) move(c spool.Cursor) {
	p.at = c
	if p.moved != nil {
		close(p.moved)
		p.moved = nil
	}
}

// waiting lets CaughtUp call wake until the returned function is called. It is false
// where somebody came since the last look.
func (p *progress) waiting(wake func()) (stop func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked {
		return nil, false
	}
	p.wake = wake
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.wake = nil
	}, true
}

func readCursor(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (at spool.Cursor, err error) {
	err = from.QueryRowContext(ctx, `select segment, "offset" from cursors where sink = ?`, sinkName).Scan(&at.Segment, &at.Offset)
	if err != nil {
		err = fmt.Errorf("read cursor: %w", err)
	}
	return at, err
}
