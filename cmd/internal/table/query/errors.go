package query

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of errors of Query and Export, for errors.Is. An *Error has the text for the user. An error
// of the context is wrapped and has none of these kinds.
var (
	// ErrSQL: the query is wrong; the text quotes it.
	ErrSQL = errors.New("wrong query")
	// ErrMemory: the query needs more memory than queries have.
	ErrMemory = errors.New("too much memory")
	// ErrTime: the query runs longer than Options.Timeout.
	ErrTime = errors.New("too much time")
	// ErrDisk: the query or export needs more disk than its limit.
	ErrDisk = errors.New("too much disk")
	// ErrEnded: the engine's process ended because of the query.
	ErrEnded = errors.New("engine ended")
	// ErrRefused: the engine's process ended because of the same query in the last minutes.
	ErrRefused = errors.New("query refused")
	// ErrBusy: too many queries wait.
	ErrBusy = errors.New("too many queries")
	// ErrUnavailable: the engine does not start, or the table's files can't be opened.
	ErrUnavailable = errors.New("table unavailable")
	// ErrNoEngine: this build has no engine.
	ErrNoEngine = errors.New("no engine")
	// ErrFormat: Export does not know the format.
	ErrFormat = errors.New("unknown format")
	// ErrClosed: the Pool is closed.
	ErrClosed = errors.New("query processes are closed")
)

// An Error is a reason that a user can act on.
type Error struct {
	Kind error // one of the errors above
	Text string
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Kind }

func failed(kind error, format string, args ...any) *Error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

func tooLong(limit time.Duration) *Error {
	return failed(ErrTime, "the query took longer than %v: select a shorter time or fewer groups, or start the collector with a longer --query-timeout", limit)
}

// selectLess is the advice about a query that takes too much memory.
const selectLess = "select a shorter time, fewer groups, or one column at a time"

func tooMuchMemory(mib int) *Error {
	return failed(ErrMemory, "the query takes more than the %d MiB of memory that queries have here: "+selectLess, mib)
}
