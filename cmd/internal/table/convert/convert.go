// Package convert moves the rows of a collector's former table, the DuckDB file beacons.duckdb,
// into the table of Parquet files.
//
// The engine that reads the old file runs in a child process, so that a damaged file cannot end
// the collector. The child opens the file read-only and sends its rows day by day. The collector writes
// them into files. These, and the old table's cursor of the inbox, become a part of the table in one
// change of its manifest. Then the collector deletes the old file.
//
// An interrupted conversion starts from its beginning. Rows that the table has already are left out, so
// a conversion may be repeated at any time.
package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Role is the first argument of the child process of [Run]. The executable then calls [Main].
const Role = "convert-process"

// fileName is the old table, in the collector's data folder.
const fileName = "beacons.duckdb"

// ErrNoEngine is the error of Run in a build that cannot read the old table.
var ErrNoEngine = errors.New("this build has no engine that reads the old table: build it with cgo and a C compiler (CGO_ENABLED=1)")

// Needed reports whether the data folder has an old table. The new table's writer must not run before
// [Run] has returned nil, since the old table has the cursor from which the writer follows the inbox.
func Needed(data string) bool {
	info, err := os.Lstat(filepath.Join(data, fileName))
	return err == nil && info.Mode().IsRegular()
}

const reportEvery = 5 * time.Second

// Run moves the rows of the old table in the data folder into t and deletes the old table. A million
// usual beacons take about 5 s, and at most as much disk as the old table. progress, if it is not nil,
// is called after every 1,024 rows and at the end.
//
// After an error the old table is unchanged. t then has either none of its rows, or all of them, and
// then a repeated Run adds none. If all rows are in t and the old table can't be deleted, Run logs the
// error and returns nil.
func Run(ctx context.Context, data string, t *table.Table, log *slog.Logger, progress func(done, all int64)) error {
	if err := run(ctx, data, t, log, progress); err != nil {
		return fmt.Errorf("convert the old table: %w", err)
	}
	return nil
}

func run(ctx context.Context, data string, t *table.Table, log *slog.Logger, progress func(done, all int64)) error {
	if !Available {
		return ErrNoEngine
	}
	began, path := time.Now(), filepath.Join(data, fileName)
	p, err := start(ctx, path)
	if err != nil {
		return err
	}
	defer p.close()
	h, err := p.header()
	if err != nil {
		return err
	}
	if err := checkDisk(t.Dir(), path, &h, log); err != nil {
		return err
	}
	loaded, err := t.Load(watch(p.rows(), h.Rows, log, progress), spool.Cursor{Segment: h.Segment, Offset: h.Offset}, h.Rows)
	if err != nil {
		return err
	}
	p.close() // an open file can't be deleted on Windows
	log.Info("the old table is converted", "rows", loaded.Rows, "there_before", loaded.Repeated, "seconds", int(time.Since(began).Seconds()))
	if err := remove(path); err != nil {
		log.Error("the converted old table can't be deleted", "file", path, "error", err)
	}
	return nil
}

// diskReserve is left to the inbox, in bytes.
const diskReserve = 64 << 20

// checkDisk returns an error if the disk has less room than the conversion may need. The new files are
// smaller than the old one, unless rows can't be compressed.
func checkDisk(dir, path string, h *header, log *slog.Logger) error {
	need := h.Bytes
	if info, err := os.Stat(path + ".wal"); err == nil {
		need += info.Size()
	}
	free, err := spool.Free(dir)
	if err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	log.Info("the old table is being converted", "rows", h.Rows, "needs_mib", need>>20, "free_mib", free>>20)
	if need+diskReserve > free {
		return fmt.Errorf("it may need %d MiB of disk and %d MiB are free\nhint: make room and start the collector again; until then beacons are kept in the inbox", (need+diskReserve)>>20, free>>20)
	}
	return nil
}

// watch yields the rows, and reports how many there were so far.
func watch(rows iter.Seq2[row.Row, error], all int64, log *slog.Logger, progress func(done, all int64)) iter.Seq2[row.Row, error] {
	return func(yield func(row.Row, error) bool) {
		done, logged := int64(0), time.Now()
		for r, err := range rows {
			if !yield(r, err) {
				return
			}
			if done++; done%1024 != 0 {
				continue
			}
			if progress != nil {
				progress(done, all)
			}
			if time.Since(logged) >= reportEvery {
				logged = time.Now()
				log.Info("the old table is being converted", "rows", done, "of", all)
			}
		}
		if progress != nil {
			progress(done, all)
		}
	}
}

// remove deletes the old table. The file that [Needed] looks for is deleted last.
func remove(path string) error {
	for _, part := range []string{path + ".tmp", path + ".wal", path} {
		if err := os.RemoveAll(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
