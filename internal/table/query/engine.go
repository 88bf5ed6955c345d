//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// An engine is DuckDB without a file of its own. It uses the C API, since the driver for
// database/sql keeps neither the position of an error nor the digits of JSON.
type engine struct {
	db     mapping.Database
	conn   mapping.Connection
	temp   string      // the process's own folder
	timely atomic.Bool // false once the question's time is over
}

// openEngine opens DuckDB with all settings that do not depend on the question.
func openEngine(s setup) (*engine, error) {
	e := &engine{temp: s.Temp}
	e.timely.Store(true)
	var config mapping.Config
	if mapping.CreateConfig(&config) != mapping.StateSuccess {
		return nil, errors.New("create configuration")
	}
	defer mapping.DestroyConfig(&config)
	for _, option := range [][2]string{
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
		{"allow_community_extensions", "false"},
		{"threads", fmt.Sprint(s.Threads)},
		{"memory_limit", fmt.Sprintf("%dMiB", s.Memory)},
		{"temp_directory", filepath.ToSlash(s.Temp)},
		{"max_temp_directory_size", "2GiB"},
	} {
		if mapping.SetConfig(config, option[0], option[1]) != mapping.StateSuccess {
			return nil, fmt.Errorf("set %s to %q", option[0], option[1])
		}
	}
	var text string
	if mapping.OpenExt("", &e.db, config, &text) != mapping.StateSuccess {
		return nil, errors.New(text)
	}
	if mapping.Connect(e.db, &e.conn) != mapping.StateSuccess {
		return nil, errors.New("connect")
	}
	folders := literal(filepath.ToSlash(s.Dir)+"/") + ", " + literal(filepath.ToSlash(s.Temp)+"/")
	return e, e.exec(
		"set allowed_directories = ["+folders+"]",
		"set enable_external_access = false",
		"set TimeZone = 'UTC'",
		"create temp macro field(data, name) as data->>name",
		"set errors_as_json = true",
	)
}

// exec runs statements of this package.
func (e *engine) exec(statements ...string) error {
	for _, sql := range statements {
		var result mapping.Result
		state := mapping.Query(e.conn, sql, &result)
		text := mapping.ResultError(&result)
		mapping.DestroyResult(&result)
		if state != mapping.StateSuccess {
			return errors.New(text)
		}
	}
	return nil
}

// interruptAfter interrupts the engine when the time is over. It goes on to do so, since an
// interrupt between two statements has no effect.
func (e *engine) interruptAfter(limit time.Duration) {
	time.Sleep(limit)
	e.timely.Store(false)
	for {
		mapping.Interrupt(e.conn)
		time.Sleep(20 * time.Millisecond)
	}
}
