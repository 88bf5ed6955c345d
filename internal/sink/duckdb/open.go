//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// A DB is one DuckDB file with the table beacons. One DB at a time can have it open: in
// another process it is refused, in this one who calls Open sees to it. Its methods are safe
// for concurrent use, but for Drain, of which one at a time may run.
type DB struct {
	// Log hears of what goes wrong and is tried again; nil means slog.Default(). It
	// is set before Drain is called.
	Log *slog.Logger
	// QueryTimeout is the longest that a query may take until it has its rows; 0 means
	// 30 s. It is set before Query is called.
	QueryTimeout time.Duration

	path     string
	insert   string   // SQL from the staged rows to the table; tests put in a faulty one
	declared []Column // those that are declared
	done     progress

	settings map[string]string // of the engine, more than the usual ones; for tests

	queries *queries
	writing sync.Mutex   // held over a transaction of Drain's, and over a checkpoint
	padding sync.RWMutex // held while there are rows that nobody is to see

	sick atomic.Bool // a query found that the engine answers nothing any more

	mu        sync.Mutex
	pool      *sql.DB // nil when it has to be opened again
	abandoned *sql.DB // the one before, or nil
	closed    bool
}

// The times are instants (TIMESTAMPTZ), so that comparing them with now() is right in
// every time zone. That needs the ICU extension, which all builds have linked in.
const schema = `
create table if not exists beacons ` + columnsOfBeacons + `;
alter table beacons add column if not exists bot boolean; -- NULL in the rows from before there was one
create table if not exists cursors (
	sink     varchar primary key,
	segment  varchar not null,
	"offset" bigint not null
);
create table if not exists block_ages (block_id bigint, oldest timestamptz);
create table if not exists padding (id uuid not null);
insert into cursors values ('` + sinkName + `', '', 0) on conflict do nothing;`

const columnsOfBeacons = `(
	id           uuid not null, -- once, which Drain sees to
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
)`

// sinkName is this sink's key in the table of cursors.
const sinkName = "duckdb"

// Open opens the file, and makes it and its directory where they aren't there. Of the columns
// that were declared before, those that are not declared now are gone then; FillColumns fills
// new ones.
func Open(path string, declared ...Column) (*DB, error) { return open(path, nil, declared...) }

func open(path string, settings map[string]string, declared ...Column) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{path: path, settings: settings, declared: declared, insert: insertion(declared), queries: newQueries()}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool, err := db.openPool()
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.pool = pool
	rest := db.take(db.queries.memory)
	err = db.declare(context.Background(), pool)
	rest()
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	at, err := readCursor(context.Background(), pool)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db.done.reach(at)
	db.forgetExports() // the file is open, so they are no other process's
	return db, nil
}

// groupRows is how many rows a row group has: a checkpoint holds the newest in memory as its
// rows were sent, some 20 MiB of usual beacons. The engine's own 122,880 rows would be 150.
const groupRows = 16 << 10

// openPool starts an engine and attaches the file to it: only so can the size of a row group
// be said.
func (db *DB) openPool() (*sql.DB, error) {
	if strings.Contains(db.path, "?") {
		return nil, errors.New("the engine can't open a path with '?' in it: name another one")
	}
	settings := url.Values{}
	for name, value := range map[string]string{
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"allow_community_extensions":   "false",
		// A query must not fill the disk that the inbox is on with what it puts aside.
		"temp_directory":          db.temporary(),
		"max_temp_directory_size": "2GiB",
		// It would join the row groups that pad has ended.
		"max_vacuum_tasks": "0",
		// Of what it frees it would keep 100 MiB and more.
		"allocator_flush_threshold":                   "1MiB",
		"allocator_bulk_deallocation_flush_threshold": "1MiB",
	} {
		settings.Set(name, value)
	}
	for name, value := range db.settings {
		settings.Set(name, value)
	}
	enter := fmt.Sprintf("attach if not exists '%s' as beacons (row_group_size %d); use beacons", strings.ReplaceAll(db.path, "'", "''"), groupRows)
	connector, err := duckdb.NewConnector("?"+settings.Encode(), func(conn driver.ExecerContext) error {
		_, err := conn.ExecContext(context.Background(), enter, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	if err := db.setUp(pool); err != nil {
		pool.Close()
		if strings.Contains(err.Error(), "Could not set lock") {
			err = fmt.Errorf("%w: another process has it open: stop that one, or name another file", err)
		}
		return nil, err
	}
	return pool, nil
}

func (db *DB) setUp(pool *sql.DB) error {
	conn, err := pool.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	if db.queries.memory == 0 {
		var memory string
		if err := conn.QueryRowContext(context.Background(), "select current_setting('memory_limit')").Scan(&memory); err != nil {
			return err
		}
		if db.queries.memory, err = memoryLimit(memory); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(context.Background(), schema); err != nil {
		return err
	}
	if err := withoutKey(conn); err != nil {
		return err
	}
	if err := unpad(context.Background(), conn); err != nil {
		return err
	}
	// A query must not read the collector's files; the engine's own was opened before.
	// TimeZone belongs to ICU and can't be set before the file is open.
	_, err = conn.ExecContext(context.Background(), fmt.Sprintf(`set global enable_external_access = false;
		set global TimeZone = 'UTC'; set global memory_limit = '%dMiB';
		set global allowed_configs = ['memory_limit', 'threads']; set global lock_configuration = true`, db.queries.memory))
	return err
}

// withoutKey makes the table anew where it has a primary key still, as it had at first: the
// engine can't take that away.
func withoutKey(conn *sql.Conn) error {
	var keyed bool
	err := conn.QueryRowContext(context.Background(), `select count(*) > 0 from duckdb_constraints() where table_name = 'beacons' and constraint_type = 'PRIMARY KEY'`).Scan(&keyed)
	if err != nil || !keyed {
		return err
	}
	_, err = conn.ExecContext(context.Background(), `begin;
		create table keyless `+columnsOfBeacons+`;
		alter table keyless add column bot boolean;
		insert into keyless by name from beacons;
		drop table beacons;
		alter table keyless rename to beacons;
		commit;
		checkpoint`)
	if err != nil {
		return fmt.Errorf("take the key off the table: %w", err)
	}
	return nil
}

var errClosed = errors.New("the database is closed")

// conn returns a connection that the caller closes.
func (db *DB) conn(ctx context.Context) (*sql.Conn, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, errClosed
	}
	if db.abandoned != nil && db.abandoned.Stats().OpenConnections > 0 {
		return nil, fmt.Errorf("reopen database %s: queries still hold on to the engine that failed", db.path)
	}
	db.abandoned = nil
	if db.pool == nil {
		pool, err := db.openPool()
		if err != nil {
			return nil, fmt.Errorf("reopen database %s: %w", db.path, err)
		}
		db.pool = pool
	}
	return db.pool.Conn(ctx)
}

// abandon gives up an engine that refuses everything since it failed badly. A new one
// can be had once the queries that still hold on to the old one have ended: two must not
// have the file open.
func (db *DB) abandon() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.pool != nil {
		db.pool.Close()
		db.abandoned, db.pool = db.pool, nil
	}
}

// Close moves everything into the database file and closes it. Drain must have
// returned, and the Rows be closed.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	if db.pool == nil {
		return nil
	}
	_, err := db.pool.Exec(fmt.Sprintf("set global memory_limit = '%dMiB'; checkpoint", db.queries.memory))
	err = errors.Join(err, db.pool.Close())
	db.pool = nil
	if err != nil {
		return fmt.Errorf("close database %s: %w", db.path, err)
	}
	return nil
}

func (db *DB) log() *slog.Logger {
	if db.Log != nil {
		return db.Log
	}
	return slog.Default()
}
