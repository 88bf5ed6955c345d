//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A Format is how an export writes the table.
type Format string

const (
	Parquet Format = "parquet" // with the table's types
	CSV     Format = "csv"     // with the names in the first line; NULL is empty, "" is quoted
	JSON    Format = "json"    // an object a line
)

// copies are the statements, with a place for the file's name.
func copies(declared []Column) map[Format]string {
	return map[Format]string{
		Parquet: "copy beacons to '%s' (format parquet, compression zstd, use_tmp_file false)",
		CSV: "copy (select * replace (" + rfc3339("received_at") + " as received_at, " + rfc3339("sent_at") + " as sent_at, " +
			bodyText + " as body) from beacons) to '%s' (format csv, header, use_tmp_file false)",
		// Not the format json, which writes data anew and loses digits of its numbers.
		JSON: "copy (select " + jsonLine(declared) + " from beacons) to '%s' (format csv, header false, delimiter '\n', quote '', escape '', use_tmp_file false)",
	}
}

// rfc3339 is a time as a query's answer has it.
func rfc3339(column string) string {
	return "replace(left(" + column + "::varchar, -3), ' ', 'T') || 'Z'" // without the +00
}

// A body that is not UTF-8 is an object {"base64": "…"}.
const (
	bodyText = "coalesce(try(decode(body)), json_object('base64', to_base64(body))::varchar)"
	bodyJSON = "coalesce(to_json(try(decode(body))), json_object('base64', to_base64(body)))"
)

// jsonLine is a row as a line of JSON. Of line breaks there are only those between what
// data consists of.
func jsonLine(declared []Column) string {
	var line strings.Builder
	for i, c := range ownColumns {
		var value string
		switch c.name {
		case "received_at", "sent_at":
			value = "to_json(" + rfc3339(c.name) + ")"
		case "body":
			value = bodyJSON
		case "data":
			value = "translate(data::varchar, chr(10) || chr(13), '  ')"
		default:
			value = "to_json(" + c.name + ")"
		}
		fmt.Fprintf(&line, `'%c"%s":' || coalesce(%s::varchar, 'null') || `, "{,"[min(i, 1)], c.name, value)
	}
	for _, c := range declared {
		value := "to_json(" + c.ident() + ")"
		if c.Type == "double" { // NaN and Infinity are strings, as in a query's answer
			value = fmt.Sprintf("case when isfinite(%s) then %s else to_json(%[2]s::varchar) end", c.ident(), value)
		}
		fmt.Fprintf(&line, `',%s:' || coalesce(%s::varchar, 'null') || `, c.ident(), value)
	}
	return line.String() + "'}'"
}

// ErrFormat says that there is no such format.
var ErrFormat = errors.New("no such format")

// An Export is a file with all rows, of Size bytes. It is for one goroutine.
type Export struct {
	*os.File
	Size int64
}

// Export writes the table as it is at that moment to a file, which the caller closes. It
// takes at most half of the room that the disk has: the other half is the inbox's.
func (db *DB) Export(ctx context.Context, format Format) (*Export, error) {
	text, ok := copies(db.declared)[format]
	if !ok {
		return nil, fmt.Errorf("export as %q: %w", format, ErrFormat)
	}
	x, err := db.export(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return x, nil
}

func (db *DB) export(ctx context.Context, text string) (x *Export, err error) {
	// The engine may write to its own temporary folder, and nowhere else.
	if err := os.MkdirAll(db.temporary(), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(db.temporary(), exportPrefix)
	if err != nil {
		return nil, err
	}
	name := f.Name()
	defer func() {
		if err != nil {
			os.Remove(name)
		}
	}()
	// On Windows the engine could not open it a second time.
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err := db.copyTo(ctx, text, name); err != nil {
		return nil, err
	}
	if f, err = os.Open(name); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Export{f, info.Size()}, nil
}

func (db *DB) copyTo(ctx context.Context, text, name string) error {
	ctx, _, end, err := db.begin(ctx, 0)
	if err != nil {
		return err
	}
	defer end()
	conn, err := db.conn(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	free, err := spool.Free(filepath.Dir(name))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go watchSize(ctx, name, free/2, stop)
	if err := db.snapshot(ctx, conn); err != nil {
		return db.queries.refine(ctx, err)
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf(text, strings.ReplaceAll(name, "'", "''")))
	if err != nil {
		return db.queries.refine(ctx, err)
	}
	return nil
}

// watchSize ends the writing of a file that becomes too large.
func watchSize(ctx context.Context, name string, most int64, stop context.CancelCauseFunc) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if info, err := os.Stat(name); err == nil && info.Size() > most {
			stop(fmt.Errorf("the file takes more than half of the %d MiB that the disk has free: make room, or ask for a part of the table with a query", 2*most>>20))
			return
		}
	}
}

// Close deletes the file.
func (x *Export) Close() error {
	err := x.File.Close()
	if gone := os.Remove(x.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

const exportPrefix = "export-"

// temporary is the folder where the engine puts what doesn't fit into memory.
func (db *DB) temporary() string { return db.path + ".tmp" }

// forgetExports deletes what a killed process has left.
func (db *DB) forgetExports() {
	entries, _ := os.ReadDir(db.temporary())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), exportPrefix) {
			os.Remove(filepath.Join(db.temporary(), e.Name()))
		}
	}
}
