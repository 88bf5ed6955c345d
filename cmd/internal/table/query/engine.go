//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// An engine is DuckDB without a database file. It uses the C API, since the driver for database/sql
// loses the position of an error and digits of JSON.
type engine struct {
	db       duckdb.Database
	conn     duckdb.Connection
	temp     string      // the process's own folder
	timedOut atomic.Bool // the question's time is over
}

// openEngine opens DuckDB with all settings that do not depend on the question.
func openEngine(s setup) (*engine, error) {
	e := &engine{temp: s.Temp}
	var config duckdb.Config
	if duckdb.CreateConfig(&config) != duckdb.StateSuccess {
		return nil, errors.New("create configuration")
	}
	defer duckdb.DestroyConfig(&config)
	for _, option := range [][2]string{
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"threads", fmt.Sprint(s.Threads)},
		{"memory_limit", fmt.Sprintf("%dMiB", s.Memory)},
		{"temp_directory", filepath.ToSlash(s.Temp)},
		{"max_temp_directory_size", "2GiB"},
	} {
		if duckdb.SetConfig(config, option[0], option[1]) != duckdb.StateSuccess {
			return nil, fmt.Errorf("set %s to %q", option[0], option[1])
		}
	}
	var text string
	if duckdb.OpenExt("", &e.db, config, &text) != duckdb.StateSuccess {
		return nil, errors.New(text)
	}
	if duckdb.Connect(e.db, &e.conn) != duckdb.StateSuccess {
		return nil, errors.New("connect")
	}
	folders := literal(filepath.ToSlash(s.Dir)+"/") + ", " + literal(filepath.ToSlash(s.Temp)+"/")
	return e, e.exec(
		"set allowed_directories = ["+folders+"]",
		"set enable_external_access = false",
		"set TimeZone = 'UTC'",
		"set parquet_metadata_cache = true", // the queries of a series read the same files
		"create temp macro field(data, name) as data->>name",
		// Panels of the dashboard use these, and define them anew where their answers are added.
		"create temp macro p50(x) as quantile_disc(x, 0.5)",
		"create temp macro p75(x) as quantile_disc(x, 0.75)",
		"create temp macro ratio(a, b) as a / nullif(b, 0)",
		"create temp macro latest(x) as max(x)",
		"create temp macro uniq(x) as count(distinct x)",
		"set errors_as_json = true",
	)
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// exec runs statements of this package.
func (e *engine) exec(statements ...string) error {
	for _, sql := range statements {
		var result duckdb.Result
		state := duckdb.Query(e.conn, sql, &result)
		text := duckdb.ResultError(&result)
		duckdb.DestroyResult(&result)
		if state != duckdb.StateSuccess {
			return errors.New(text)
		}
	}
	return nil
}

// interruptAfter interrupts the engine after limit, again and again, because an interrupt between two
// statements has no effect. It does not return.
func (e *engine) interruptAfter(limit time.Duration) {
	time.Sleep(limit)
	e.timedOut.Store(true)
	for {
		duckdb.Interrupt(e.conn)
		time.Sleep(20 * time.Millisecond)
	}
}
