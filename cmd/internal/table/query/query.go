package query

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// maxSQL is the longest SQL that is answered, in bytes.
const maxSQL = 1 << 20

// A Request is a query.
type Request struct {
	// SQL is one SELECT (or WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE) or EXPLAIN.
	SQL string
	// View is the SELECT of the view "beacons". It is trusted. Its times must be TIMESTAMPTZ, and its
	// JSON must be JSON.
	View string
	// Zone is the IANA name of the time zone that times are written in; "" is UTC.
	Zone string
}

// Query answers r. It returns when the answer is complete in the child. The caller closes the Rows. The
// query, and the reading of Rows, end when ctx ends.
//
// Errors have one of the kinds from ErrSQL on.
func (p *Pool) Query(ctx context.Context, r Request) (*Rows, error) {
	rows, err := p.query(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return rows, nil
}

func (p *Pool) query(ctx context.Context, r Request) (*Rows, error) {
	switch {
	case !Available:
		return nil, errNoEngine
	case len(r.SQL) > maxSQL:
		return nil, failed(ErrSQL, "the SQL has %d bytes, and at most %d are answered: write a shorter query", len(r.SQL), maxSQL)
	case strings.ContainsRune(r.SQL, 0):
		return nil, failed(ErrSQL, "there is a NUL in the SQL: leave it out")
	case !utf8.ValidString(r.SQL):
		return nil, failed(ErrSQL, "the SQL is not valid UTF-8: write other bytes as '\\xFF'::blob")
	}
	if err := p.refused.check(r.SQL); err != nil {
		p.stats.refused.Add(1)
		return nil, err
	}
	release, err := p.slot(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := p.ask(ctx, question{SQL: r.SQL, View: r.View, Zone: r.Zone, Millis: max(p.o.Timeout.Milliseconds(), 1)}, maxSpill)
	if err != nil {
		release()
		return nil, err
	}
	rows.release = release
	return rows, nil
}

var errNoEngine = failed(ErrNoEngine, "this build answers no SQL: build it with CGO_ENABLED=1 and a C compiler, on linux, darwin or windows")

// ask sends q to a process, and returns when the answer is complete there. The process's folder may have
// maxDisk bytes.
func (p *Pool) ask(ctx context.Context, q question, maxDisk int64) (*Rows, error) {
	for again := true; ; again = false {
		proc, err := p.take(ctx, q.File != "")
		if err != nil {
			return nil, err
		}
		r := &Rows{pool: p, proc: proc, sql: q.SQL, limit: p.o.Timeout}
		r.stopContext = context.AfterFunc(ctx, func() { r.kill(context.Cause(ctx)) })
		stopWatch := r.watch(maxDisk)
		if q.Millis > 0 {
			timer := time.AfterFunc(p.o.Timeout+grace, func() { r.kill(tooLong(p.o.Timeout)) })
			err = r.begin(q)
			timer.Stop()
		} else {
			err = r.begin(q)
		}
		stopWatch()
		if err == nil {
			return r, nil
		}
		r.Close()
		if _, killed := proc.ended(); r.started || killed != nil || !again {
			return nil, err
		}
		// The process ended before the question reached it: send it to another process.
	}
}

// Rows are the answer of a query. They are for one goroutine.
type Rows struct {
	pool        *Pool
	proc        *process
	series      bool // of Series
	sql         string
	started     bool
	columns     []string
	batch, row  []byte
	err         error
	over        bool
	dead        bool // the process ended before the answer did
	limit       time.Duration
	release     func() // of the slot, or nil for an export
	stopContext func() bool
}

// begin sends the question, and reads up to the columns.
func (r *Rows) begin(q question) error {
	if err := writeJSON(r.proc.in, frameQuestion, q); err != nil {
		return r.ended()
	}
	for {
		kind, payload, err := readFrame(r.proc.out)
		switch {
		case err != nil:
			return r.ended()
		case kind == frameStarted:
			r.started = true
		case kind == frameColumns:
			if err := json.Unmarshal(payload, &r.columns); err != nil {
				return fmt.Errorf("read columns: %w", err)
			}
			return nil
		case kind == frameFailure:
			return r.failure(payload)
		default:
			return fmt.Errorf("read answer: unexpected frame %q", kind)
		}
	}
}

// Columns returns the names of the columns. Repeated names have a number added.
func (r *Rows) Columns() []string { return r.columns }

// Next moves to the next row, and reports whether there is one. If not, the caller checks Err.
func (r *Rows) Next() bool {
	for len(r.batch) == 0 && !r.over && r.err == nil {
		kind, payload, err := readFrame(r.proc.out)
		switch {
		case err != nil:
			r.err, r.dead = r.ended(), true
		case kind == frameRows:
			r.batch = payload
		case kind == frameEnd:
			r.over = true
		case kind == frameFailure:
			r.err = r.failure(payload)
		default:
			r.err = fmt.Errorf("read rows: unexpected frame %q", kind)
		}
	}
	r.row, r.batch, _ = bytes.Cut(r.batch, []byte{'\n'})
	return len(r.row) > 0
}

// Row returns the row as a JSON array in one line. It is valid until the next call of Next:
//
//	NULL                                   null
//	BOOLEAN                                true or false
//	integers, DECIMAL, HUGEINT, BIGNUM     number, with all digits
//	FLOAT, DOUBLE                          number, or "NaN", "Infinity", "-Infinity"
//	JSON                                   as it was sent, without the white space
//	BLOB                                   string where it is UTF-8, else {"base64": "…"}
//	TIMESTAMPTZ                            string as in RFC 3339, in the request's zone
//	TIMESTAMP                              the same; without an offset if the zone is not UTC
//	LIST, ARRAY, STRUCT, MAP, UNION        array or object; numbers in JSON in them, and
//	                                       DECIMALs, are doubles there
//	anything else (VARCHAR, UUID, DATE, …) string, as the engine writes it
func (r *Rows) Row() []byte { return r.row }

// Err returns the error that ended the rows early, or nil.
func (r *Rows) Err() error {
	if r.err != nil {
		return fmt.Errorf("read rows: %w", r.err)
	}
	return nil
}

// Close ends the query's process, also before all rows were read. It may be called again.
func (r *Rows) Close() {
	r.over, r.batch = true, nil
	r.stopContext()
	r.proc.retire()
	<-r.proc.done
	if r.release != nil {
		r.release()
	}
}

func (r *Rows) kill(reason error) {
	r.pool.stats.killed.Add(1)
	r.proc.kill(reason)
}

// failure returns the error for a failure that the child sent.
func (r *Rows) failure(payload []byte) error {
	var f failure
	if err := json.Unmarshal(payload, &f); err != nil {
		return fmt.Errorf("read failure: %w", err)
	}
	switch f.Kind {
	case kindMemory:
		return tooMuchMemory(r.proc.memory)
	case kindTime:
		return tooLong(r.limit)
	case kindTable:
		r.pool.o.Log.Error("table can't be queried", "error", f.Text)
		return failed(ErrUnavailable, "the table can't be queried now: %s", f.Text)
	}
	return &Error{ErrSQL, f.Text}
}

// ended returns the error for a process that ended before its answer. If the query is the cause, ended
// refuses it from now on.
func (r *Rows) ended() error {
	r.proc.cmd.Process.Kill() // in case it only closed its stdin or stdout
	reason, killed := r.proc.ended()
	if killed != nil {
		return killed
	}
	if !r.started {
		return failed(ErrUnavailable, "the table can't be queried now: the engine's process ended before the query reached it (%s)", reason)
	}
	p := r.pool
	p.stats.ended.Add(1)
	p.o.Log.Error("query ended its process", "reason", reason, "sql", shorten(r.sql), "stderr", r.proc.stderr.String())
	advice := "write the query in another way"
	if reason == outOfMemory {
		advice = selectLess
	}
	if r.series {
		return failed(ErrEnded, "the query ended the engine's process (%s): %s", reason, advice)
	}
	p.refused.add(r.sql, reason)
	return failed(ErrEnded, "the query ended the engine's process (%s), and is refused for %v: %s", reason, refuseFor, advice)
}

func shorten(sql string) string {
	if len(sql) > 500 {
		return strings.ToValidUTF8(sql[:500], "") + "…"
	}
	return sql
}
