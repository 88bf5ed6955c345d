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

	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2/mapping"
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

// copyRows writes the view's rows as they come from the engine, so that a few are in memory at a
// time: bodies can be large.
func (e *engine) copyRows(format Format, w *bufio.Writer) error {
	const all = "from beacons"
	var stmt mapping.PreparedStatement
	defer func() { mapping.DestroyPrepare(&stmt) }()
	if mapping.Prepare(e.conn, all, &stmt) != mapping.StateSuccess {
		return e.failure(mapping.PrepareError(stmt), "")
	}
	names, columns := resultColumns(stmt)
	if text, ok := readable(all, columns); ok {
		mapping.DestroyPrepare(&stmt)
		if mapping.Prepare(e.conn, text, &stmt) != mapping.StateSuccess {
			return e.failure(mapping.PrepareError(stmt), "")
		}
	}
	write := jsonLine(names, columns)
	if format == CSV {
		write = csvLine(columns)
		for i, name := range names {
			writeCell(w, i, []byte(name))
		}
		w.WriteByte('\n')
	}
	var result mapping.Result
	defer mapping.DestroyResult(&result)
	// DuckDB advises against this call. The others hold the whole result in memory.
	if bindings.ExecutePreparedStreaming(stmt, &result) != mapping.StateSuccess {
		return e.failure(mapping.ResultError(&result), "")
	}
	values := make([]vector, len(columns))
	err := eachChunk(result, values, func(row uint64) error { return write(w, values, row) })
	if text := mapping.ResultError(&result); err == nil && text != "" {
		return e.failure(text, "")
	}
	return err
}

// A lineWriter writes a row to a file.
type lineWriter func(w *bufio.Writer, values []vector, row uint64) error

// exported is how a column's values are written: JSON as it was sent, through read.
func exported(columns []column, read func(dst, text []byte) []byte) []appender {
	all := appenders(columns, "")
	for i, c := range columns {
		if c.json {
			all[i] = texts(read)
		}
	}
	return all
}

// appendLine appends JSON with spaces for its line breaks. There are none in a string, where they
// would be escaped.
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
	heads := make([][]byte, len(names))
	for i, name := range names {
		heads[i] = append(appendString([]byte{",{"[b2i(i == 0)]}, []byte(name)), ':')
	}
	var cell []byte
	return func(w *bufio.Writer, values []vector, row uint64) error {
		for i, column := range all {
			w.Write(heads[i])
			if values[i].null(row) {
				w.WriteString("null")
				continue
			}
			cell = column(cell[:0], values[i].data, row)
			w.Write(cell)
		}
		_, err := w.WriteString("}\n")
		return err
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// csvLine writes a row as RFC 4180 has it. NULL is an empty cell, and an empty string is "".
func csvLine(columns []column) lineWriter {
	all := exported(columns, func(dst, text []byte) []byte { return append(dst, text...) })
	var cell []byte
	return func(w *bufio.Writer, values []vector, row uint64) error {
		for i, column := range all {
			if values[i].null(row) {
				if i > 0 {
					w.WriteByte(',')
				}
				continue
			}
			cell = column(cell[:0], values[i].data, row)
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
