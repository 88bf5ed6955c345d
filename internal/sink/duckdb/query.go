//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// Query runs one SELECT (or WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE) or EXPLAIN
// on a connection of its own, in a transaction that can't write, and sees the table as
// it is at that moment. When ctx is done, or the query takes too long or too much memory,
// the engine is interrupted. Of many queries some wait for their turn. The caller closes
// the Rows.
//
// The engine holds the whole result before the first row is returned, within its
// memory limit and what it may put aside on disk. One call of a function on one value can't
// be interrupted: a value that a query makes itself can be so large that it takes seconds
// and gigabytes. It gives its turn to others meanwhile.
func (db *DB) Query(ctx context.Context, text string) (*Rows, error) {
	ctx, timely, end, err := db.begin(ctx, db.timeout())
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer timely() // the time is for the engine, not for who reads
	conn, err := db.conn(ctx)
	if err != nil {
		err = db.queries.refine(ctx, err)
		end()
		return nil, fmt.Errorf("query: %w: %w", ErrUnavailable, err)
	}
	var rows *Rows
	if err = db.snapshot(ctx, conn); err == nil {
		rows, err = query(ctx, conn, text)
	} else if ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		discard(conn)
		if e := new(duckdb.Error); errors.As(err, &e) && e.Type == duckdb.ErrorTypeFatal {
			db.letGo()
		}
		err = db.queries.refine(ctx, err)
		end()
		return nil, fmt.Errorf("query: %w", err)
	}
	rows.end, rows.why = end, func(err error) error { return db.queries.refine(ctx, err) }
	return rows, nil
}

// letGo has Drain, which holds on to the engine, let go of it.
func (db *DB) letGo() {
	db.sick.Store(true)
	db.done.ask()
}

func query(ctx context.Context, conn *sql.Conn, text string) (*Rows, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("there is a NUL in it: leave it out")
	}
	asked := text
	if at := plainExplain.FindStringSubmatchIndex(text); at != nil {
		asked = text[at[4]:]
	}
	if err := checkSyntax(ctx, conn, asked); err != nil {
		return nil, err
	}
	kind, err := check(conn, text)
	if err != nil {
		return nil, err
	}
	if kind == duckdb.STATEMENT_TYPE_EXPLAIN {
		if err := checkPlan(ctx, conn, asked); err != nil {
			return nil, err
		}
		return explain(ctx, conn, text)
	}
	// query() takes the text for one SELECT or refuses it, however it ends, be it with
	// a semicolon or a comment.
	source := "query('" + strings.ReplaceAll(text, "'", "''") + "')"
	cols, err := describe(ctx, conn, source)
	if err != nil {
		return nil, err
	}
	selected, aliases := make([]string, len(cols)), make([]string, len(cols))
	rows := &Rows{conn: conn}
	for i, c := range cols {
		aliases[i] = fmt.Sprintf("c%d", i)
		expr, read := reading(c.typ)
		selected[i] = fmt.Sprintf(expr, aliases[i])
		rows.columns, rows.read = append(rows.columns, c.name), append(rows.read, read)
	}
	text = fmt.Sprintf("select %s from %s as t(%s)", strings.Join(selected, ", "), source, strings.Join(aliases, ", "))
	if err := checkPlan(ctx, conn, text); err != nil {
		return nil, err
	}
	rows.rows, err = conn.QueryContext(ctx, text)
	return rows, err
}

// ErrUnavailable says that the table can't be asked now, whatever the question.
var ErrUnavailable = errors.New("the table can't be asked now")

type column struct{ name, typ string }

func describe(ctx context.Context, conn *sql.Conn, source string) (cols []column, err error) {
	rows, err := conn.QueryContext(ctx, "select column_name, column_type from (describe from "+source+")")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.typ); err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return cols, rows.Err()
}

// check refuses what isn't a single statement of a kind that is answered.
func check(conn *sql.Conn, text string) (kind duckdb.StmtType, err error) {
	parameters := 0
	err = conn.Raw(func(conn any) error {
		stmt, err := conn.(*duckdb.Conn).Prepare(text)
		if err != nil {
			return err
		}
		defer stmt.Close()
		parameters = stmt.NumInput()
		kind, err = stmt.(*duckdb.Stmt).StatementType()
		return err
	})
	switch {
	case err != nil && strings.Contains(err.Error(), "multi-statement"): // the driver exports no error for it
		err = errors.New("there are several statements, or a PIVOT without IN, which is the same: send one at a time, with IN")
	case err != nil:
	case kind == duckdb.STATEMENT_TYPE_EXPLAIN && !plainExplain.MatchString(text):
		err = errors.New("only EXPLAIN SELECT is answered here, and no EXPLAIN ANALYZE: it would run the statement")
	case kind != duckdb.STATEMENT_TYPE_EXPLAIN && kind != duckdb.STATEMENT_TYPE_SELECT:
		err = errors.New("only SELECT and EXPLAIN are answered here: what is in the table comes from beacons alone")
	case parameters > 0:
		err = errors.New("there is a parameter in it (? or $), which has no value here: write the value")
	}
	return kind, err
}

// plainExplain leaves out EXPLAIN ANALYZE, which runs what it explains: commit, say.
var plainExplain = regexp.MustCompile(`(?i)^\s*explain\s+(\(\s*format\s+\w+\s*\)\s*)?(select|with|from|values|table)\b`)

func explain(ctx context.Context, conn *sql.Conn, text string) (*Rows, error) {
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	names, err := rows.Columns()
	if err != nil {
		rows.Close()
		return nil, err
	}
	return &Rows{conn: conn, rows: rows, columns: names, read: make([]func(any) any, len(names))}, nil
}

// functions are the table functions that only look, as a plan has them. Others, which
// a SELECT can call too, switch on the engine's logging for everybody (and, where that
// goes to a file, end all work in an engine without access to files), write a
// checkpoint, or run SQL outside of the transaction.
var functions = regexp.MustCompile(`^(DUCKDB_\w+|PRAGMA_\w+|RANGE|GENERATE_SERIES|UNNEST|REPEAT|REPEAT_ROW|JSON_EACH|JSON_TREE|SUMMARY|` +
	`SEQ_SCAN|TEST_ALL_TYPES|TEST_VECTOR_TYPES|ICU_CALENDAR_NAMES|PG_TIMEZONE_NAMES|SQL_AUTO_COMPLETE)$`)

// checkPlan refuses what would call another table function. The plan shows them even
// where the text hides them, as in query('from check' || 'point()').
func checkPlan(ctx context.Context, conn *sql.Conn, text string) error {
	var key, plan string
	if err := conn.QueryRowContext(ctx, "explain (format json) "+text).Scan(&key, &plan); err != nil {
		return err
	}
	type node struct {
		Children []json.RawMessage
		Extra    map[string]any `json:"extra_info"`
	}
	todo := []json.RawMessage{json.RawMessage(`{"children":` + plan + `}`)}
	for len(todo) > 0 {
		var n node
		if err := json.Unmarshal(todo[0], &n); err != nil {
			return fmt.Errorf("read plan: %w", err)
		}
		if f, ok := n.Extra["Function"].(string); ok && !functions.MatchString(f) {
			return notAnswered(f)
		}
		todo = append(todo[1:], n.Children...)
	}
	return nil
}
