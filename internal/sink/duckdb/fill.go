//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	fillRows  = 8 * groupRows // in one transaction, of about 0.1 s
	fillSteps = 4             // until a checkpoint: what they wrote is in memory until then
	fillSays  = 5 * time.Second
)

// FillColumns gives the rows that were there before a column their values, until all have
// them or ctx is done. What was done stays done, however it ends. It is called before Drain
// and Retain, which it would hold up; nothing is wrong where it wasn't, but for those NULLs.
func (db *DB) FillColumns(ctx context.Context) error {
	said, rows := time.Now(), int64(0)
	for n := 1; ; n++ {
		behind, first, err := db.fillStep(ctx)
		if err == nil && first > 0 && n%fillSteps == 0 {
			// The engine makes none of what was changed while a query reads.
			err = db.alone(ctx, func() error { return db.exec(ctx, "checkpoint") })
			if errors.Is(err, context.DeadlineExceeded) {
				err = nil // the next one, then
			}
		}
		if err != nil {
			return fmt.Errorf("fill columns: %w", err)
		}
		rows = max(rows, behind)
		switch {
		case rows == 0:
			return nil
		case first == 0:
			db.log().Info("the new columns are filled", "rows", rows)
			return nil
		case time.Since(said) >= fillSays:
			said = time.Now()
			db.log().Info("new columns are being filled", "rows", rows-first, "of", rows)
		}
	}
}

// fillStep fills some rows, those with the highest numbers, which are first up to those
// before behind; there are none where behind is 0.
func (db *DB) fillStep(ctx context.Context) (behind, first int64, err error) {
	db.writing.Lock()
	defer db.writing.Unlock()
	conn, err := db.conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer discard(conn) // and with it the transaction, after an error
	defer db.take(db.queries.memory)()
	if err := conn.QueryRowContext(ctx, "select coalesce(max(unfilled), 0) from data_columns").Scan(&behind); err != nil || behind == 0 {
		return 0, 0, err
	}
	first = max(behind-fillRows, 0)
	var set []string
	for _, c := range db.declared {
		var due bool
		if err := conn.QueryRowContext(ctx, "select unfilled > ? from data_columns where name = ?", first, c.Name).Scan(&due); err != nil {
			return 0, 0, err
		}
		if due {
			set = append(set, c.ident()+" = "+c.value("data"))
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf(`begin;
		update beacons set %s where rowid >= %d and rowid < %d;
		update data_columns set unfilled = %[2]d where unfilled > %[2]d;
		commit`, strings.Join(set, ", "), first, behind))
	return behind, first, err
}
