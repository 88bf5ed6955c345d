package table

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

// A source is an open file of the table.
type source struct {
	*parquet.File
	l       *layout
	file    *os.File
	columns []int // the index in this file of each column of the layout, or -1
}

// openFile opens a file to read rows in the order of l.
func openFile(dir, name string, l *layout) (*source, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read table: %w", err)
	}
	pf, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read table: %s: %w", name, err)
	}
	s := &source{File: pf, l: l, file: f}
	at := map[string]int{}
	for i, path := range pf.Schema().Columns() {
		at[path[0]] = i
	}
	for _, column := range l.columns {
		i, ok := at[column.name]
		if !ok {
			i = -1
		}
		s.columns = append(s.columns, i)
	}
	return s, nil
}

func (s *source) Close() error { return s.file.Close() }

// rows calls use with some rows of a row group at a time, with their columns in the order of the
// layout. With derive the declared columns are computed from data. The rows are valid until use
// returns.
func (s *source) rows(g parquet.RowGroup, derive bool, use func([]parquet.Row) error) error {
	reader := g.Rows()
	defer reader.Close()
	in, out := make([]parquet.Row, batchRows), s.l.rows(batchRows)
	for {
		n, err := reader.ReadRows(in)
		for i, r := range in[:n] {
			s.arrange(out[i], r, derive)
		}
		if n > 0 {
			if err := use(out[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read table: %w", err)
		}
	}
}

// arrange sets a row of the layout to a row of the file.
func (s *source) arrange(to, from parquet.Row, derive bool) {
	for i, at := range s.columns {
		to[i] = parquet.Value{}
		if at >= 0 {
			to[i] = from[at]
		}
	}
	if derive {
		var data []byte
		if v := to[s.l.data]; !v.IsNull() {
			data = v.ByteArray()
		}
		s.l.derive(to, to[s.l.stream].ByteArray(), data)
		s.deriveLater(to)
	}
	for i, v := range to {
		to[i] = s.l.level(v, i)
	}
}

// deriveLater sets the laterColumns that the file lacks. The column bot decides whether the row is from a bot, so that
// bot_reason agrees with it.
func (s *source) deriveLater(to parquet.Row) {
	var r row.Row
	if v := to[s.l.userAgent]; !v.IsNull() {
		r.Agent = row.AgentOf(string(v.ByteArray()))
	}
	r.BotReason = ""
	if v := to[s.l.bot]; !v.IsNull() && v.Boolean() {
		r.BotReason = row.BotAgent
	}
	for i, at := range s.l.later {
		if s.columns[at] < 0 {
			to[at] = orNull(laterColumns[i].get(&r))
		}
	}
}

// eachValue calls use with each value of a column. It reads as many as buf has room for at a time.
func eachValue(c parquet.ColumnChunk, buf []parquet.Value, use func(parquet.Value)) error {
	r := parquet.NewColumnChunkValueReader(c)
	defer r.Close()
	for {
		n, err := r.ReadValues(buf)
		for _, v := range buf[:n] {
			use(v)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
