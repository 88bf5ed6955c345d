//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// answer answers q, or returns a *failure.
func (e *engine) answer(q question, out *output) error {
	if q.Millis > 0 {
		go e.interruptAfter(time.Duration(q.Millis) * time.Millisecond)
	}
	if err := e.prepareSession(q); err != nil {
		for range len(q.Series) - 1 { // each query has its answer
			if f := (*failure)(nil); errors.As(err, &f) {
				if err := writeJSON(out.w, frameFailure, f); err != nil {
					return err
				}
			}
		}
		return err
	}
	switch {
	case q.File != "":
		return e.export(q, out)
	case q.Series != nil:
		return e.answerSeries(q, out)
	}
	return e.answerQuery(q.SQL, q.Zone, out)
}

// answerSeries answers queries in turn. A failure is the answer to its query, and one of a setup to all that follow.
func (e *engine) answerSeries(q question, out *output) error {
	var failed error // the failure of a setup
	for _, step := range q.Series {
		if failed == nil {
			if err := e.exec(step.Setup...); err != nil {
				failed = e.tableFailure(err, "")
			}
		}
		err := failed
		if err == nil {
			err = e.answerQuery(step.SQL, q.Zone, out)
		}
		if f := (*failure)(nil); errors.As(err, &f) {
			err = writeJSON(out.w, frameFailure, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answerQuery answers one query of the user's, or returns a *failure.
func (e *engine) answerQuery(sql, zone string, out *output) error {
	stmt, err := e.check(sql)
	if err != nil {
		return err
	}
	defer func() { duckdb.DestroyPrepare(&stmt) }()
	names, columns, err := e.castColumns(&stmt, sql)
	if err != nil {
		return err
	}
	var result duckdb.Result
	defer duckdb.DestroyResult(&result)
	if duckdb.ExecutePrepared(stmt, &result) != duckdb.StateSuccess {
		return e.failure(duckdb.ResultError(&result), sql)
	}
	if err := out.columns(uniqueNames(names)); err != nil {
		return err
	}
	if err := sendRows(result, appenders(columns, zone), out); err != nil {
		return err
	}
	return out.end()
}

// prepareSession applies the settings that depend on the question, and then locks all settings.
func (e *engine) prepareSession(q question) error {
	if q.Zone != "" {
		if err := e.exec("set TimeZone = " + literal(q.Zone)); err != nil {
			if e.timedOut.Load() {
				return e.failure(err.Error(), "")
			}
			return &failure{kindSQL, fmt.Sprintf("there is no time zone %q: write one like Europe/Berlin or UTC", q.Zone)}
		}
	}
	if err := e.exec("create temp view beacons as " + q.View); err != nil {
		return e.tableFailure(err, q.View)
	}
	settings := []string{"set lock_configuration = true"}
	if q.File != "" || q.Series != nil {
		// To preserve the order DuckDB collects 100,000 rows, whose bodies can be large. With one thread
		// they are in order anyway. A series fills its tables faster without.
		settings = []string{"set preserve_insertion_order = false", settings[0]}
	}
	if err := e.exec(settings...); err != nil {
		return e.tableFailure(err, "")
	}
	return nil
}

// tableFailure returns the failure of a statement that is not the user's.
func (e *engine) tableFailure(err error, sql string) *failure {
	f := e.failure(err.Error(), sql)
	if f.Kind == kindSQL {
		f.Kind = kindTable
	}
	return f
}

// castColumns returns the names and types of the columns of stmt, which is of sql. If one has a type
// without an appender, it replaces stmt by one that casts the column to VARCHAR.
func (e *engine) castColumns(stmt *duckdb.PreparedStatement, sql string) ([]string, []column, error) {
	names, columns := resultColumns(*stmt)
	if text, needed := readable(sql, columns); needed {
		duckdb.DestroyPrepare(stmt)
		if duckdb.Prepare(e.conn, text, stmt) != duckdb.StateSuccess {
			return nil, nil, e.failure(duckdb.PrepareError(*stmt), sql)
		}
	}
	return names, columns, nil
}

// failure returns the failure for an error of the engine. Its text quotes sql.
func (e *engine) failure(text, sql string) *failure {
	err := parseEngineError(text)
	kind := err.kind()
	if e.timedOut.Load() {
		kind = kindTime
	}
	return &failure{kind, err.render(sql)}
}

// plainExplain leaves out EXPLAIN ANALYZE, which runs what it explains.
var plainExplain = regexp.MustCompile(`(?i)^\s*explain\s+(\(\s*format\s+\w+\s*\)\s*)?(select|with|from|values|table)\b`)

// check prepares the user's SQL. It refuses everything except one SELECT or EXPLAIN.
func (e *engine) check(sql string) (stmt duckdb.PreparedStatement, err error) {
	var statements duckdb.ExtractedStatements
	n := duckdb.ExtractStatements(e.conn, sql, &statements)
	defer duckdb.DestroyExtracted(&statements)
	switch {
	case n == 0 && duckdb.ExtractStatementsError(statements) != "":
		return stmt, e.failure(duckdb.ExtractStatementsError(statements), sql)
	case n == 0:
		return stmt, &failure{kindSQL, "there is no SQL in it: write for example select count(*) from beacons"}
	case n > 1:
		return stmt, &failure{kindSQL, "there are several statements, or a PIVOT without IN, which is the same: send one at a time, with IN"}
	}
	if duckdb.PrepareExtractedStatement(e.conn, statements, 0, &stmt) != duckdb.StateSuccess {
		f := e.failure(duckdb.PrepareError(stmt), sql)
		duckdb.DestroyPrepare(&stmt)
		return stmt, f
	}
	text := ""
	switch kind := duckdb.PreparedStatementType(stmt); {
	case kind == duckdb.StatementTypeExplain && !plainExplain.MatchString(sql):
		text = "only EXPLAIN SELECT is answered here, and EXPLAIN ANALYZE is not: it would run the statement"
	case kind != duckdb.StatementTypeExplain && kind != duckdb.StatementTypeSelect:
		text = "only SELECT and EXPLAIN are answered here: rows of the table come from beacons alone"
	case duckdb.NParams(stmt) > 0:
		text = "there is a parameter in it (? or $), which has no value here: write the value"
	default:
		return stmt, nil
	}
	duckdb.DestroyPrepare(&stmt)
	return stmt, &failure{kindSQL, text}
}

// uniqueNames adds numbers to repeated names, as DuckDB does in a subquery.
func uniqueNames(names []string) []string {
	seen := map[string]int{}
	for i := range names {
		for {
			key := strings.ToLower(names[i])
			n := seen[key]
			seen[key]++
			if n == 0 {
				break
			}
			names[i] = fmt.Sprintf("%s_%d", names[i], n)
		}
	}
	return names
}

// sendRows sends the rows of a result.
func sendRows(result duckdb.Result, columns []appender, out *output) error {
	var line []byte
	values := make([]Vector, len(columns))
	return eachChunk(result, values, func(row uint64) error {
		line = append(line[:0], '[')
		for i, column := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			if values[i].Null(row) {
				line = append(line, "null"...)
			} else {
				line = column(line, values[i], row)
			}
		}
		return out.row(append(line, ']'))
	})
}

// eachChunk fetches each chunk of a result, sets values to its columns, and calls use for each of its
// rows.
func eachChunk(result duckdb.Result, values []Vector, use func(row uint64) error) (err error) {
	for err == nil {
		chunk := duckdb.FetchChunk(result)
		if chunk.Ptr == nil {
			return nil
		}
		for i := range values {
			values[i] = NewVector(duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i)))
		}
		for row := uint64(0); row < uint64(duckdb.DataChunkGetSize(chunk)) && err == nil; row++ {
			err = use(row)
		}
		duckdb.DestroyDataChunk(&chunk)
	}
	return err
}
