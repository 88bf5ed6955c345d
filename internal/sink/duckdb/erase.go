//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"time"
)

// erase overwrites the blocks of the file that are free: what was in them is there still. It
// is due while the schema erased is there, which the transaction that deletes makes. In it
// tables of zeros take up the free blocks until there are none left, and then it is dropped.
func (db *DB) erase(ctx context.Context) error {
	var due bool
	if err := db.one(ctx, &due, "select count(*) > 0 from duckdb_schemas() where schema_name = 'erased'"); err != nil || !due {
		return err
	}
	err := db.zero(ctx)
	if err == nil {
		err = db.alone(ctx, func() error { return db.exec(ctx, "drop schema erased cascade; checkpoint") })
	}
	if err != nil {
		return fmt.Errorf("overwrite what is deleted: %w", err)
	}
	return nil
}

const (
	createErased = "create schema if not exists erased"
	// eraseBlocks is how many blocks, of 256 KiB each, are taken up at a time. Each time is
	// a table of its own: the engine would join the parts of one, again and again.
	eraseBlocks = 64
)

func (db *DB) zero(ctx context.Context) error {
	for n := 0; ; n++ {
		if free, err := db.zeroTable(ctx, n); err != nil || free == 0 {
			return err
		}
	}
}

// zeroTable makes the nth table and returns how many blocks are free still. Drain's blocks
// stay out of the count, so that it comes to an end.
func (db *DB) zeroTable(ctx context.Context, n int) (free int64, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	defer db.take(db.queries.memory)()
	const count = "select free_blocks from pragma_database_size() where database_name = 'beacons'"
	if err := db.one(ctx, &free, count); err != nil || free == 0 {
		return free, err
	}
	if err := db.exec(ctx, fmt.Sprintf(`create or replace table erased.t%d (zeros blob using compression uncompressed);
		insert into erased.t%[1]d select repeat('\x00'::blob, 262000) from range(%d); checkpoint`, n, min(free, eraseBlocks))); err != nil {
		return free, err
	}
	err = db.one(ctx, &free, count)
	return free, err
}

func (db *DB) exec(ctx context.Context, text string) error {
	conn, err := db.conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	_, err = conn.ExecContext(ctx, text)
	return err
}

// alonePatience is how long queries may keep a checkpoint from being alone.
const alonePatience = time.Minute

// alone does something while no query runs and Drain doesn't write: while others read, a
// checkpoint frees nothing.
func (db *DB) alone(ctx context.Context, do func() error) error {
	waiting, cancel := context.WithTimeout(ctx, alonePatience)
	defer cancel()
	for range maxQueries {
		select {
		case db.queries.slots <- struct{}{}:
			defer func() { <-db.queries.slots }()
		case <-waiting.Done():
			return fmt.Errorf("wait for queries to end: %w", waiting.Err())
		}
	}
	db.writing.Lock()
	defer db.writing.Unlock()
	defer db.take(db.queries.memory)()
	return do()
}
