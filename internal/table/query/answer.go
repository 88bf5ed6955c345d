//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2/mapping"
)

// answer answers q, or returns a *failure.
func (e *engine) answer(q question, out *output) error {
	if q.Millis > 0 {
		go e.interruptAfter(time.Duration(q.Millis) * time.Millisecond)
	}
	if err := e.prepareSession(q); err != nil {
		return err
	}
	if q.File != "" {
		return e.export(q, out)
	}
	stmt, err := e.check(q.SQL)
	if err != nil {
		return err
	}
	defer func() { mapping.DestroyPrepare(&stmt) }()
	names, columns := resultColumns(stmt)
	if text, ok := readable(q.SQL, columns); ok {
		mapping.DestroyPrepare(&stmt)
		if mapping.Prepare(e.conn, text, &stmt) != mapping.StateSuccess {
			return e.failure(mapping.PrepareError(stmt), q.SQL)
		}
	}
	var result mapping.Result
	defer mapping.DestroyResult(&result)
	if mapping.ExecutePrepared(stmt, &result) != mapping.StateSuccess {
		return e.failure(mapping.ResultError(&result), q.SQL)
	}
	if err := out.columns(uniqueNames(names)); err != nil {
		return err
	}
	if err := sendRows(result, appenders(columns, q.Zone), out); err != nil {
		return err
	}
	return out.end()
}

// prepareSession sets what depends on the question, and then locks all settings.
func (e *engine) prepareSession(q question) error {
	if q.Zone != "" {
		if err := e.exec("set TimeZone = " + literal(q.Zone)); err != nil {
			return &failure{kindSQL, fmt.Sprintf("there is no time zone %q: write one like Europe/Berlin or UTC", q.Zone)}
		}
	}
	if err := e.exec("create temp view beacons as " + q.View); err != nil {
		f := e.failure(err.Error(), q.View)
		if f.Kind == kindSQL {
			f.Kind = kindTable
		}
		return f
	}
	settings := []string{"set lock_configuration = true"}
	if q.File != "" {
		// Else DuckDB collects 100,000 rows, whose bodies can be large. The one thread keeps the order.
		settings = []string{"set preserve_insertion_order = false", settings[0]}
	}
	if err := e.exec(settings...); err != nil {
		return &failure{kindTable, err.Error()}
	}
	return nil
}

// failure is what an error of the engine means to the user who wrote sql.
func (e *engine) failure(text, sql string) *failure {
	err := parseEngineError(text)
	kind := err.kind()
	if !e.timely.Load() {
		kind = kindTime
	}
	return &failure{kind, err.render(sql)}
}

// plainExplain leaves out EXPLAIN ANALYZE, which runs what it explains.
var plainExplain = regexp.MustCompile(`(?i)^\s*explain\s+(\(\s*format\s+\w+\s*\)\s*)?(select|with|from|values|table)\b`)

// check prepares the user's SQL itself, so that errors quote it, and refuses all but one SELECT or
// EXPLAIN.
func (e *engine) check(sql string) (stmt mapping.PreparedStatement, err error) {
	var statements mapping.ExtractedStatements
	n := mapping.ExtractStatements(e.conn, sql, &statements)
	defer mapping.DestroyExtracted(&statements)
	switch {
	case n == 0 && mapping.ExtractStatementsError(statements) != "":
		return stmt, e.failure(mapping.ExtractStatementsError(statements), sql)
	case n == 0:
		return stmt, &failure{kindSQL, "there is no SQL in it: ask with select count(*) from beacons"}
	case n > 1:
		return stmt, &failure{kindSQL, "there are several statements, or a PIVOT without IN, which is the same: send one at a time, with IN"}
	}
	if mapping.PrepareExtractedStatement(e.conn, statements, 0, &stmt) != mapping.StateSuccess {
		f := e.failure(mapping.PrepareError(stmt), sql)
		mapping.DestroyPrepare(&stmt)
		return stmt, f
	}
	text := ""
	switch kind := mapping.PreparedStatementType(stmt); {
	case kind == mapping.StatementTypeExplain && !plainExplain.MatchString(sql):
		text = "only EXPLAIN SELECT is answered here, and no EXPLAIN ANALYZE: it would run the statement"
	case kind != mapping.StatementTypeExplain && kind != mapping.StatementTypeSelect:
		text = "only SELECT and EXPLAIN are answered here: rows of the table come from beacons alone"
	case mapping.NParams(stmt) > 0:
		text = "there is a parameter in it (? or $), which has no value here: write the value"
	default:
		return stmt, nil
	}
	mapping.DestroyPrepare(&stmt)
	return stmt, &failure{kindSQL, text}
}

// uniqueNames numbers names that are there before, as DuckDB does in a subquery.
func uniqueNames(names []string) []string {
	seen := map[string]int{}
	for i, name := range names {
		for n := seen[strings.ToLower(name)]; n > 0; n = seen[strings.ToLower(names[i])] {
			seen[strings.ToLower(names[i])]++
			names[i] = fmt.Sprintf("%s_%d", name, n)
			name, n = names[i], 0
		}
		seen[strings.ToLower(names[i])]++
	}
	return names
}

// sendRows sends the rows of a result.
func sendRows(result mapping.Result, columns []appender, out *output) error {
	var line []byte
	values := make([]vector, len(columns))
	return eachChunk(result, values, func(row uint64) error {
		line = append(line[:0], '[')
		for i, column := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			if values[i].null(row) {
				line = append(line, "null"...)
			} else {
				line = column(line, values[i].data, row)
			}
		}
		return out.row(append(line, ']'))
	})
}

// eachChunk fetches the chunks of a result, sets values to each one's columns, and calls use for
// each of its rows.
func eachChunk(result mapping.Result, values []vector, use func(row uint64) error) (err error) {
	for err == nil {
		chunk := mapping.FetchChunk(result)
		if chunk.Ptr == nil {
			return nil
		}
		for i := range values {
			values[i] = newVector(mapping.DataChunkGetVector(chunk, mapping.IdxT(i)))
		}
		for row := uint64(0); row < uint64(mapping.DataChunkGetSize(chunk)) && err == nil; row++ {
			err = use(row)
		}
		mapping.DestroyDataChunk(&chunk)
	}
	return err
}
