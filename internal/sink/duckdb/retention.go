//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Retention says what may stay; the zero Retention lets all stay.
type Retention struct {
	MaxAge   time.Duration // since a beacon was received, in table and inbox; 0 is for ever
	MaxBytes int64         // of the table on disk; 0 is any number
}

// every is how often the table is looked at.
const every = time.Minute

// Retain deletes what r lets not stay until ctx is done. By age it deletes when a hundredth
// of MaxAge has passed since it did, and at least once a day; what it deletes can't be
// found in the database's files when it is done. By size the oldest rows go until the rest
// fits into MaxBytes; the file doesn't become smaller, but its room is used again.
//
// It needs moments in which no query runs, and makes them if there are none.
func (db *DB) Retain(ctx context.Context, in *spool.Inbox, r Retention) {
	if r == (Retention{}) {
		return
	}
	var last time.Time
	for tick := time.NewTicker(every); ; {
		now := time.Now()
		if r.MaxAge > 0 && now.Sub(last) >= min(r.MaxAge/100, 24*time.Hour) {
			err := db.forget(ctx, in, r.MaxAge, now)
			if err == nil {
				last = now
			}
			db.failed(ctx, "old beacons can't be deleted now", err)
		}
		if r.MaxBytes > 0 {
			db.failed(ctx, "the table can't be made smaller now", db.shrink(ctx, r.MaxBytes))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

func (db *DB) failed(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	db.log().Error(what, "error", err, "retry_in", every)
	if broken(err) {
		db.letGo()
	}
}

// forget deletes what was received longer than age before now, so that it can't be found
// any more.
func (db *DB) forget(ctx context.Context, in *spool.Inbox, age time.Duration, now time.Time) error {
	rows, err := db.deleteBefore(ctx, now.Add(-age), true)
	if err != nil {
		return err
	}
	if err := db.erase(ctx); err != nil {
		return err
	}
	segments, err := in.Forget(now, age, db.At())
	if rows > 0 || segments > 0 {
		db.log().Info("beacons are deleted for their age", "rows", rows, "inbox_segments", segments, "older_than", age)
	}
	return err
}

// shrink deletes the oldest rows until what is left fits.
func (db *DB) shrink(ctx context.Context, most int64) error {
	total := int64(0)
	for range 10 { // the rows differ in size
		used, err := db.used(ctx)
		if err != nil {
			return err
		}
		if used <= most {
			break
		}
		cut, err := db.oldest(ctx, 1-0.95*float64(most)/float64(used))
		if err != nil {
			return err
		}
		rows, err := db.deleteBefore(ctx, cut, false)
		if err != nil {
			return err
		}
		if total += rows; rows == 0 {
			break
		}
	}
	if total > 0 {
		db.log().Info("beacons are deleted to make room", "rows", total, "max_bytes", most)
	}
	return nil
}

// used is how many bytes of the file are in use.
func (db *DB) used(ctx context.Context) (bytes int64, err error) {
	err = db.one(ctx, &bytes, `select used_blocks * block_size from pragma_database_size() where database_name = 'beacons'`)
	return bytes, err
}

// oldest is the time before which that part of the rows was received, nearly.
func (db *DB) oldest(ctx context.Context, part float64) (cut time.Time, err error) {
	// A microsecond more, so that it is never none.
	err = db.one(ctx, &cut, `select approx_quantile(received_at, ?::float) + interval 1 microsecond from beacons`, part)
	return cut, err
}

// one asks for one value.
func (db *DB) one(ctx context.Context, value any, query string, args ...any) error {
	conn, err := db.conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.QueryRowContext(ctx, query, args...).Scan(value)
}

// stepRows is about how many rows are deleted in one transaction.
const stepRows = 500_000

// deleteBefore deletes the rows that were received before cut, and makes their room free.
//
// Row groups in which there are such rows are given up whole, and the rows of them that
// stay are written anew: the engine frees a row group's blocks when all of it is deleted,
// and not before.
func (db *DB) deleteBefore(ctx context.Context, cut time.Time, erase bool) (deleted int64, err error) {
	if erase {
		if err := db.exec(ctx, rememberBlocks(true)); err != nil {
			return 0, fmt.Errorf("look at the table's blocks: %w", err)
		}
	}
	for {
		n, err := db.deleteStep(ctx, cut, erase)
		if err != nil {
			return deleted, fmt.Errorf("delete rows: %w", err)
		}
		if deleted += n; n == 0 {
			break
		}
	}
	if deleted == 0 {
		return 0, nil
	}
	return deleted, db.alone(ctx, func() error {
		err := db.exec(ctx, "checkpoint")
		if err == nil && erase {
			err = db.exec(ctx, rememberBlocks(false)+"; checkpoint")
		}
		return err
	})
}

func (db *DB) deleteStep(ctx context.Context, cut time.Time, erase bool) (deleted int64, err error) {
	conn, err := db.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer discard(conn) // and with it the transaction, after an error
	defer db.take(db.queries.memory)()
	db.padding.RLock() // it would rescue those rows
	defer db.padding.RUnlock()
	// Row groups are numbered anew by a checkpoint, and by none during a transaction.
	if _, err := conn.ExecContext(ctx, "begin"); err != nil {
		return 0, err
	}
	groups, err := readGroups(ctx, conn, cut, erase)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	for _, g := range groups {
		// What is rescued is a new row, and so in none of these row groups.
		rescued, err := conn.ExecContext(ctx, rescue(db.declared)+" where rowid >= ? and rowid < ? and received_at >= ?", g.first, g.behind, cut)
		if err != nil {
			return 0, err
		}
		gone, err := conn.ExecContext(ctx, "delete from beacons where rowid >= ? and rowid < ?", g.first, g.behind)
		if err != nil {
			return 0, err
		}
		kept, _ := rescued.RowsAffected()
		all, _ := gone.RowsAffected()
		deleted += all - kept
	}
	if erase {
		if _, err := conn.ExecContext(ctx, createErased); err != nil {
			return 0, err
		}
	}
	_, err = conn.ExecContext(ctx, "commit")
	return deleted, err
}
