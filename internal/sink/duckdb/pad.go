//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// The engine reads 2,048 rows at a time, a vector, and all of a row group where a checkpoint
// writes it anew: of beacons of a megabyte that would be gigabytes of memory, and gigabytes
// written again and again. So a row group that has many bytes in few rows is ended: a whole one of
// padding follows it, which is deleted at once, and nothing is added to a row group when another
// one has followed.
const (
	vectorRows = 2048
	// vectorBytes is how many bytes of bodies and data a vector may have, or nearly.
	vectorBytes = 16 << 20
	paddingKind = "padding"
)

// A group is the rows at the end of the table that may be in one vector.
type group struct {
	rows  int
	bytes int64
	last  uuid.UUID // id of the last row
	at    time.Time // when that was received
}

// add adds the rows of a transaction, and says whether the row group is to end.
func (g *group) add(rows int, bytes int64) (ends bool) {
	g.rows += rows
	g.bytes += bytes
	if ends = g.bytes > vectorBytes; !ends && g.rows >= vectorRows {
		g.rows, g.bytes = 0, 0
	}
	return ends
}

// pad ends the row group. No query begins meanwhile, and none sees the padding but where the engine
// fails in between: it goes then before anything else is written.
func (d *drain) pad(ctx context.Context) error {
	defer d.hold()()
	if !d.db.padding.TryLock() {
		return nil // a deletion is under way: after the next transaction, then, as queries would wait too
	}
	defer d.db.padding.Unlock()
	g := d.group
	// The last row's id and time, so that the engine's least and greatest of both stay right.
	_, err := d.conn.ExecContext(ctx, fmt.Sprintf(`begin;
		insert into padding values ('%[1]s');
		insert into beacons by name select '%[1]s'::uuid as id, '%[2]s'::timestamptz as received_at, '' as stream, '%[3]s' as kind, ''::blob as body from range(%[4]d);
		commit`, g.last, g.at.UTC().Format(time.RFC3339Nano), paddingKind, groupRows))
	if err == nil {
		err = unpad(ctx, d.conn)
	}
	if err != nil {
		return fmt.Errorf("end a row group: %w", err)
	}
	d.group = group{}
	return nil
}

// unpad deletes the padding, be it what an engine that failed has left.
func unpad(ctx context.Context, conn *sql.Conn) error {
	var there bool
	if err := conn.QueryRowContext(ctx, "select count(*) > 0 from padding").Scan(&there); err != nil || !there {
		return err
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`begin;
		delete from beacons where kind = '%s' and id in (from padding);
		delete from padding;
		commit`, paddingKind))
	return err
}

// snapshot begins a transaction of a query's, which sees the table as it is now.
func (db *DB) snapshot(ctx context.Context, conn *sql.Conn) error {
	db.padding.RLock()
	defer db.padding.RUnlock()
	_, err := conn.ExecContext(ctx, "begin transaction read only; select count(*) from cursors")
	return err
}
