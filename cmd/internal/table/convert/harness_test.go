//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// wholeRole is the first argument of the test binary as a collector that converts the old table of
// the data folder in its second argument.
const wholeRole = "convert-whole"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case Role:
			Main()
		case wholeRole:
			if err := convertOnce(context.Background(), os.Args[2], slog.New(slog.DiscardHandler), nil); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// declared are the columns of the new table.
var declared = []table.Column{{Name: "value", Type: "double", Path: "$.value"}, {Name: "name", Type: "varchar", Path: "$.name"}}

// convertOnce does what a collector does at its start.
func convertOnce(ctx context.Context, data string, log *slog.Logger, progress func(done, all int64)) error {
	t, err := table.Open(filepath.Join(data, "table"), table.Options{Columns: declared, Log: log})
	if err != nil {
		return err
	}
	defer t.Close()
	if !Needed(data) {
		return nil
	}
	return Run(ctx, data, t, log, progress)
}

// commonSchema follows the column id in both schemas of the old table.
const commonSchema = `
	received_at  timestamptz not null,
	sent_at      timestamptz,
	stream       varchar not null,
	query        varchar,
	origin       varchar,
	referrer     varchar,
	user_agent   varchar,
	ip           varchar,
	content_type varchar,
	kind         varchar not null,
	body         blob not null,
	data         json,
	error        varchar
);
create table cursors (
	sink     varchar primary key,
	segment  varchar not null,
	"offset" bigint not null
);
insert into cursors values ('duckdb', '', 0);`

// firstSchema is that of the first collectors, and schema that of the last ones.
const (
	firstSchema = `create table beacons (id uuid primary key,` + commonSchema
	schema      = `create table beacons (id uuid not null,` + commonSchema + `
alter table beacons add column if not exists bot boolean;
create table block_ages (block_id bigint, oldest timestamptz);
create table padding (id uuid not null);
create table data_columns (name varchar not null, type varchar not null, path varchar not null, unfilled bigint not null);`
)

// newData returns a data folder with an old table of what the statements make.
func newData(t testing.TB, statements ...string) string {
	t.Helper()
	data := t.TempDir()
	db := openDB(t, filepath.Join(data, fileName))
	for _, s := range statements {
		execute(t, db, s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// openDB opens a DuckDB file as a collector did, with row groups of 16,384 rows.
func openDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	execute(t, db, fmt.Sprintf("attach '%s' as beacons (row_group_size 16384); use beacons", path))
	return db
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

// keepOld copies the old table of the data folder and returns the copy's path.
func keepOld(t testing.TB, data string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "old.duckdb")
	for _, ext := range []string{"", ".wal"} {
		b, err := os.ReadFile(filepath.Join(data, fileName+ext))
		if errors.Is(err, fs.ErrNotExist) && ext != "" {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+ext, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// openNew opens the table of the data folder and returns its view, with the rows of the records,
// which come in then, and the place in the inbox that it had before.
func openNew(t testing.TB, data string, records ...warc.Record) (view string, cursor spool.Cursor) {
	t.Helper()
	tab, err := table.Open(filepath.Join(data, "table"), table.Options{Columns: declared, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	in, err := spool.OpenInbox(filepath.Join(t.TempDir(), "inbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, r := range records {
		b, err := r.Append(nil)
		if err == nil {
			err = in.Append(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cursor = tab.Status().Reached
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tab.Run(ctx, in) }()
	s, err := tab.Flush(ctx, in, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	view = s.View()
	s.Release()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return view, cursor
}

// compare compares all values of the old table, with those of bot that were NULL, and of the view.
func compare(t testing.TB, old, view string) {
	t.Helper()
	db := openDB(t, filepath.Join(t.TempDir(), "compare"))
	execute(t, db, fmt.Sprintf("attach '%s' as old", old))
	var padded, hasBot bool
	if err := db.QueryRow(`select count(*) filter (table_name = 'padding') > 0, count(*) filter (column_name = 'bot') > 0
		from duckdb_columns() where database_name = 'old'`).Scan(&padded, &hasBot); err != nil {
		t.Fatal(err)
	}
	if !hasBot {
		execute(t, db, "alter table old.beacons add column bot boolean")
	}
	if padded {
		execute(t, db, "delete from old.beacons where kind = 'padding' and id in (from old.padding)")
	}
	execute(t, db, "update old.beacons set bot = coalesce(user_agent ilike '%bot%', false) where bot is null")
	const columns = "id, received_at, sent_at, stream, query, origin, referrer, user_agent, ip, content_type, kind, body, data::varchar as data, error, bot"
	execute(t, db, "create temp table want as select "+columns+" from old.beacons; create temp table got as select "+columns+" from ("+view+")")
	var rows int
	if err := db.QueryRow("select count(*) from want").Scan(&rows); err != nil || rows == 0 {
		t.Fatalf("old rows: %d, %v", rows, err)
	}
	for _, q := range []struct{ problem, sql string }{
		{"missing or changed", "from want except all from got"},
		{"too many or changed", "from got except all from want"},
	} {
		var n int
		var example sql.NullString
		if err := db.QueryRow("select count(*), left(first(t::varchar), 1000) from ("+q.sql+") t").Scan(&n, &example); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			t.Errorf("%d of %d rows are %s, such as %s", n, rows, q.problem, example.String)
		}
	}
}

// frames are what a child sent.
type frames struct{ bytes.Buffer }

func (f *frames) writer() *bufio.Writer { return bufio.NewWriterSize(&f.Buffer, 16) }

func (f *frames) rows(t *testing.T) iter.Seq[row.Row] {
	return func(yield func(row.Row) bool) {
		for {
			_, payload, err := query.ReadFrame(&f.Buffer, maxFrame)
			if err != nil {
				return
			}
			r, err := parseRow(payload)
			if err != nil {
				t.Fatal(err)
			}
			if !yield(r) {
				return
			}
		}
	}
}
