//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// export writes the view to a file in the process's folder.
func (e *engine) export(q question, out *output) error {
	name := filepath.Join(e.temp, q.File)
	if q.Format == Parquet {
		sql := "copy beacons to " + literal(filepath.ToSlash(name)) + " (use_tmp_file false, format parquet, compression zstd, row_group_size_bytes 33554432)"
		if err := e.exec(sql); err != nil {
			return e.failure(err.Error(), "")
		}
		return out.columns(nil)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err := e.copyRows(q.Format, w); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return &failure{kindSQL, "write export: " + err.Error()}
	}
	return out.columns(nil)
}

// copyRows writes the view's rows while the engine computes them. Only a few are in memory at a time,
// because bodies can be large.
func (e *engine) copyRows(format Format, w *bufio.Writer) error {
	const sql = "from beacons"
	var stmt duckdb.PreparedStatement
	defer func() { duckdb.DestroyPrepare(&stmt) }()
	if duckdb.Prepare(e.conn, sql, &stmt) != duckdb.StateSuccess {
		return e.failure(duckdb.PrepareError(stmt), "")
	}
	names, columns, err := e.castColumns(&stmt, sql)
	if err != nil {
		return err
	}
	write := jsonLine(names, columns)
	if format == CSV {
		write = csvLine(columns)
		for i, name := range names {
			writeCell(w, i, []byte(name))
		}
		w.WriteByte('\n')
	}
	var result duckdb.Result
	defer duckdb.DestroyResult(&result)
	// DuckDB advises against this call. The others hold the whole result in memory.
	if duckdb.ExecutePreparedStreaming(stmt, &result) != duckdb.StateSuccess {
		return e.failure(duckdb.ResultError(&result), "")
	}
	values := make([]Vector, len(columns))
	err = eachChunk(result, values, func(row uint64) error { return write(w, values, row) })
	if text := duckdb.ResultError(&result); err == nil && text != "" {
		return e.failure(text, "")
	}
	return err
}

// A lineWriter writes a row to a file.
type lineWriter func(w *bufio.Writer, values []Vector, row uint64) error

// exported returns the appenders of an export. For a column of JSON that is appendText, which gets the
// JSON as it was sent.
func exported(columns []column, appendText func(dst, text []byte) []byte) []appender {
	all := appenders(columns, "")
	for i, c := range columns {
		if c.json {
			all[i] = texts(appendText)
		}
	}
	return all
}

// appendLine appends JSON and replaces line breaks by spaces. They are between tokens: JSON escapes a
// line break in a string.
func appendLine(dst, text []byte) []byte {
	from := len(dst)
	dst = append(dst, text...)
	for i, b := range dst[from:] {
		if b == '\n' || b == '\r' {
			dst[from+i] = ' '
		}
	}
	return dst
}

// jsonLine writes a row as an object.
func jsonLine(names []string, columns []column) lineWriter {
	all := exported(columns, appendLine)
	heads := make([][]byte, len(names)) // the text before each value
	separator := byte('{')
	for i, name := range names {
		heads[i] = append(appendString([]byte{separator}, []byte(name)), ':')
		separator = ','
	}
	var cell []byte
	return func(w *bufio.Writer, values []Vector, row uint64) error {
		for i, column := range all {
			w.Write(heads[i])
			if values[i].Null(row) {
				w.WriteString("null")
				continue
			}
			cell = column(cell[:0], values[i], row)
			w.Write(cell)
		}
		_, err := w.WriteString("}\n")
		return err
	}
}

// csvLine writes a row as in RFC 4180. NULL is an empty cell, and an empty string is "".
func csvLine(columns []column) lineWriter {
	all := exported(columns, appendRaw)
	var cell []byte
	return func(w *bufio.Writer, values []Vector, row uint64) error {
		for i, column := range all {
			if values[i].Null(row) {
				if i > 0 {
					w.WriteByte(',')
				}
				continue
			}
			cell = column(cell[:0], values[i], row)
			if !columns[i].json && len(cell) > 0 && cell[0] == '"' {
				var text string
				if err := json.Unmarshal(cell, &text); err != nil {
					return fmt.Errorf("write export: %w", err)
				}
				cell = append(cell[:0], text...)
			}
			writeCell(w, i, cell)
		}
		return w.WriteByte('\n')
	}
}

// writeCell writes the cell number i of a line.
func writeCell(w *bufio.Writer, i int, text []byte) {
	if i > 0 {
		w.WriteByte(',')
	}
	if len(text) > 0 && !bytes.ContainsAny(text, ",\"\r\n") && text[0] != ' ' {
		w.Write(text)
		return
	}
	w.WriteByte('"')
	for rest := text; ; {
		before, after, found := bytes.Cut(rest, []byte{'"'})
		w.Write(before)
		if !found {
			break
		}
		w.WriteString(`""`)
		rest = after
	}
	w.WriteByte('"')
}
