package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// A printer writes the columns and rows of a result.
type printer interface {
	columns([]string) error
	row([]json.RawMessage) error
	end() error
}

func newPrinter(format string, w io.Writer) (printer, error) {
	switch format {
	case "table":
		return &tablePrinter{w: w}, nil
	case "json":
		return &jsonPrinter{w: bufio.NewWriter(w)}, nil
	case "csv":
		return &csvPrinter{w: csv.NewWriter(w)}, nil
	}
	return nil, usagef("--format %q: choose table, json or csv", format)
}

// printRows prints the answer of /-/query.
func printRows(p printer, body io.Reader) error {
	lines := json.NewDecoder(body)
	var columns []string
	if err := lines.Decode(&columns); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if err := p.columns(columns); err != nil {
		return err
	}
	err := printLines(p, lines)
	if endErr := p.end(); err == nil {
		err = endErr
	}
	return err
}

func printLines(p printer, lines *json.Decoder) error {
	for {
		var line json.RawMessage
		if err := lines.Decode(&line); err != nil {
			return fmt.Errorf("query: the answer ended early: %w", err)
		}
		if line[0] == '[' {
			var row []json.RawMessage
			if err := json.Unmarshal(line, &row); err != nil {
				return fmt.Errorf("query: %w", err)
			}
			if err := p.row(row); err != nil {
				return err
			}
			continue
		}
		var last ending
		if err := json.Unmarshal(line, &last); err != nil {
			return fmt.Errorf("query: %w", err)
		}
		sayGaps(os.Stderr, last)
		if last.Error != "" {
			return errors.New(last.Error)
		}
		return nil
	}
}

// sayGaps prints which rows an answer lacks.
func sayGaps(w io.Writer, last ending) {
	if last.Behind > 0 {
		fmt.Fprintf(w, "beacon: the answer lacks the newest beacons, %s of the inbox: the table's writer lags\n", inBytes(float64(last.Behind)))
	}
	for _, g := range last.Missing {
		fmt.Fprintf(w, "beacon: the answer lacks %d rows from %[3]s to %[4]s: the file %[2]s is damaged: see 'beacon table check'\n", g.Rows, g.File, g.From, g.To)
	}
}

// text returns a value as text for people: a string without quotes, and null for NULL.
func text(v json.RawMessage, null string) string {
	var s string
	switch {
	case string(v) == "null":
		return null
	case json.Unmarshal(v, &s) == nil:
		return s
	}
	return string(v)
}

// tableWidth is how many characters of a value the table shows.
const tableWidth = 60

// lineBreaks puts a value in one line.
var lineBreaks = strings.NewReplacer("\r\n", "⏎", "\n", "⏎", "\t", " ")

type tablePrinter struct {
	w     io.Writer
	table *tabwriter.Writer
	names []string
	only  []json.RawMessage // the first row, until there is a second one
	rows  int
}

func (p *tablePrinter) columns(names []string) error {
	p.names = names
	p.table = tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	return nil
}

func (p *tablePrinter) row(values []json.RawMessage) error {
	p.rows++
	if p.rows == 1 {
		p.only = values
		return nil
	}
	if p.rows == 2 {
		p.line(p.names)
		p.values(p.only)
	}
	p.values(values)
	return nil
}

func (p *tablePrinter) end() error {
	if p.rows == 1 && len(p.only) == 1 {
		bare := text(p.only[0], "")
		if f, ok := p.w.(*os.File); ok && isTerminal(f) {
			lines := strings.Split(bare, "\n")
			for i := range lines {
				lines[i] = printable(lines[i])
			}
			bare = strings.Join(lines, "\n")
		}
		_, err := fmt.Fprintln(p.w, bare)
		return err
	}
	if p.rows < 2 {
		p.line(p.names)
	}
	if p.rows == 1 {
		p.values(p.only)
	}
	return p.table.Flush()
}

func (p *tablePrinter) values(values []json.RawMessage) {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = printable(lineBreaks.Replace(text(v, "NULL")))
		if utf8.RuneCountInString(cells[i]) > tableWidth {
			cells[i] = string([]rune(cells[i])[:tableWidth-1]) + "…"
		}
	}
	p.line(cells)
}

func (p *tablePrinter) line(cells []string) { fmt.Fprintln(p.table, strings.Join(cells, "\t")) }

// jsonPrinter prints each row as an object in one line, with the names in the columns' order.
type jsonPrinter struct {
	w     *bufio.Writer
	names [][]byte
}

func (p *jsonPrinter) columns(names []string) error {
	for _, n := range names {
		b, err := json.Marshal(n)
		if err != nil {
			return err
		}
		p.names = append(p.names, b)
	}
	return nil
}

func (p *jsonPrinter) row(values []json.RawMessage) error {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(p.names[i])
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteString("}\n")
	_, err := p.w.Write(b.Bytes())
	return err
}

func (p *jsonPrinter) end() error { return p.w.Flush() }

type csvPrinter struct{ w *csv.Writer }

func (p *csvPrinter) columns(names []string) error { return p.w.Write(names) }

func (p *csvPrinter) row(values []json.RawMessage) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = text(v, "")
	}
	return p.w.Write(cells)
}

func (p *csvPrinter) end() error {
	p.w.Flush()
	return p.w.Error()
}
