//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// A transaction has at most so many beacons, and ends with the first one over so
	// many rows, or bytes.
	maxRows  = 10_000
	maxBytes = 2 << 20

	firstPause = 100 * time.Millisecond
	maxPause   = 15 * time.Second
)

// Drain writes what comes into the inbox to the table until ctx is done, and then
// returns nil. What is in the table for good it lets the inbox forget.
//
// Where the engine fails, it tries again for as long as it takes. Where the engine
// fails for one beacon's sake, that beacon's row has no data, and the reason. Its
// error is that the database was closed.
func (db *DB) Drain(ctx context.Context, in *spool.Inbox) error {
	d := drain{db: db, in: in, limit: maxRows, memory: restMemory}
	defer d.leave()
	pause := firstPause
	for ctx.Err() == nil {
		err := d.step(ctx)
		switch {
		case err == nil:
			pause = firstPause
			if d.losing {
				d.rest(ctx, min(restsPerStep*d.took, maxPause))
			}
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errClosed):
			return fmt.Errorf("drain inbox: %w", err)
		}
		// The place to go on from is in the database, whatever became of the commit.
		d.leave()
		if most := db.queries.memory; starved(err) && d.memory < most {
			d.memory = min(2*d.memory, most)
			db.log().Info("large beacons take more memory", "engine_mib", d.memory)
			if broken(err) {
				db.abandon()
			}
			continue
		}
		if d.blameRow(err) {
			continue
		}
		db.log().Error("beacons can't be stored now and are kept in the inbox", "error", err, "retry_in", pause)
		if broken(err) {
			db.abandon()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
	return nil
}

// A drain is one run of Drain.
type drain struct {
	db *DB
	in *spool.Inbox

	conn    *sql.Conn // nil before the first step and after an error
	reader  *spool.InboxReader
	group   group  // at the end of the table
	trimmed string // the segment before which the inbox was trimmed

	beacons int    // in the transaction that is under way or failed
	size    int64  // bytes of the inbox that they are
	rows    int    // that they are
	bytes   int64  // of those rows' bodies and data
	limit   int    // beacons of the next transaction
	memory  int    // MiB that a transaction may take, twice as much after one that had too little
	blame   string // why the next beacon, which is alone then, is stored without its data

	losing bool          // more came in during the last step than it wrote, and that was not little
	took   time.Duration // of that step
}

// step writes what is there, and waits for something first.
func (d *drain) step(ctx context.Context) error {
	d.beacons, d.rows, d.size, d.bytes, d.losing = 0, 0, 0, 0, false
	if d.db.sick.Swap(false) {
		d.leave()
		d.db.abandon()
	}
	if d.conn == nil {
		if err := d.enter(ctx); err != nil {
			return err
		}
	}
	d.db.done.look()
	end, err := d.in.End()
	if err != nil {
		return err
	}
	it, err := d.reader.TryNext()
	if err == io.EOF {
		// All that lies before the end was read, and so written, in earlier steps.
		d.db.done.reach(end)
		it, err = d.wait(ctx)
		if err == errAsked {
			return nil
		}
		if err == nil {
			d.rest(ctx, gathering)
		}
	}
	if err != nil {
		return err
	}
	before, began := d.in.Written(), time.Now()
	// Not interrupted: it is short, and would have to be done again.
	next, err := d.store(context.WithoutCancel(ctx), it)
	if err != nil {
		return fmt.Errorf("store %d beacons: %w", d.beacons, err)
	}
	d.limit, d.blame = min(2*d.limit, maxRows), ""
	ends := d.group.add(d.rows, d.bytes)
	d.losing, d.took = d.size >= losingBytes && d.in.Written()-before > d.size, time.Since(began)
	d.db.done.reach(next)
	if next.Segment != d.trimmed {
		if err := d.in.Trim(next); err != nil {
			d.db.log().Error("the inbox keeps beacons that are in the table", "error", err)
		} else {
			d.trimmed = next.Segment
		}
	}
	if ends {
		d.beacons = 0 // none is to blame
		return d.pad(context.WithoutCancel(ctx))
	}
	return nil
}

var errAsked = errors.New("asked where the end is")

// wait waits for the next beacon. errAsked says that CaughtUp wants to know whether
// there is one to wait for.
func (d *drain) wait(ctx context.Context) (spool.Item, error) {
	ctx, wake := context.WithCancelCause(ctx)
	defer wake(nil)
	stop, ok := d.db.done.waiting(func() { wake(errAsked) })
	if !ok {
		return spool.Item{}, errAsked
	}
	defer stop()
	it, err := d.reader.Next(ctx)
	if err != nil && context.Cause(ctx) == errAsked {
		err = errAsked
	}
	return it, err
}

const (
	// gathering is how long the first beacon after a pause waits for others: a transaction
	// costs nearly the same for one as for many.
	gathering = 100 * time.Millisecond
	// losingBytes is how much a step has written at least that can be said to lose ground.
	losingBytes = 1 << 20
	// restsPerStep is how many times as long as a step the rest after it is.
	restsPerStep = 50
	// restBytes is how far behind the table may be and rest: two minutes of the most that
	// comes in.
	restBytes = 4 << 30
)

// rest leaves the machine to the answers for a while. Where more comes in than the table
// takes, both want all of it; the answers can't wait, and the table can, as what is in the
// inbox is safe. Who asks for what was collected ends a rest.
func (d *drain) rest(ctx context.Context, most time.Duration) {
	if behind, _, err := d.in.Behind(d.db.At()); err != nil || behind > restBytes {
		return
	}
	ctx, wake := context.WithTimeout(ctx, most)
	defer wake()
	if stop, ok := d.db.done.waiting(wake); ok {
		<-ctx.Done()
		stop()
	}
}

func (d *drain) enter(ctx context.Context) error {
	conn, err := d.db.conn(ctx)
	if err != nil {
		return err
	}
	d.db.remind() // the engine may be a new one
	letGo := d.hold()
	err = unpad(ctx, conn)
	letGo()
	var at spool.Cursor
	if err == nil {
		at, err = readCursor(ctx, conn)
	}
	if err != nil {
		discard(conn)
		return err
	}
	if end, err := d.in.End(); err == nil && end.Before(at) {
		// Another inbox than the one that the place is of: reading all of it adds no
		// row twice.
		d.db.log().Warn("the inbox ends before the place that the table has come to; reading it from its beginning")
		at = spool.Cursor{}
	}
	d.db.done.begin(at)
	d.conn, d.reader = conn, d.in.Reader(at)
	return nil
}

func (d *drain) leave() {
	if d.conn != nil {
		discard(d.conn)
		d.reader.Close()
	}
	d.conn, d.reader = nil, nil
}

// blameRow looks for the row for whose sake the engine failed, by trying again with
// half as many. It is false where it is the engine's own fault, or nothing is left to
// try but again.
//
// What goes wrong in a batch has lost its type in the driver. So only a row that is
// stored alone, without the appender, is ever blamed, and a full disk is not taken for
// a bad row.
func (d *drain) blameRow(err error) bool {
	if d.beacons == 0 || transient(err) {
		// Fewer rows may fit where memory was short.
		d.limit = max(1, d.limit/2)
		return false
	}
	switch {
	case d.limit > 1:
		d.limit = max(1, d.beacons/2)
	case d.blame == "":
		d.blame = "the engine refused what was decoded: " + reason(err)
	default:
		return false
	}
	// An internal error of the engine can come from a row, and ends the engine.
	if broken(err) {
		d.db.abandon()
	}
	return true
}

func transient(err error) bool {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Type {
	case duckdb.ErrorTypeIO, duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeTransaction,
		duckdb.ErrorTypeInterrupt, duckdb.ErrorTypeConnection, duckdb.ErrorTypeFatal,
		duckdb.ErrorTypePermission, duckdb.ErrorTypeCatalog:
		return true
	}
	return false
}

// broken says that the engine answers nothing any more until the file is opened again,
// or may not.
func broken(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && (e.Type == duckdb.ErrorTypeFatal || e.Type == duckdb.ErrorTypeInternal || strings.Contains(e.Msg, "has been invalidated"))
}

func reason(err error) string {
	var e *duckdb.Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}
