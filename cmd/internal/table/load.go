package table

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/keys"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Loaded is the result of [Table.Load].
type Loaded struct {
	Rows     int64 // that were added
	Repeated int64 // that the table had already, or that were erased from it
}

// Load adds the rows of another table and moves the table's cursor to cursor, unless it is there or
// later already. It is an error if there are not count rows. Rows whose ids the table has, or had
// before they were erased, are left out.
//
// The rows and the cursor become a part of the table in one change. After an error a repeated call
// adds the rows that are missing.
//
// The caller sorts the rows by day, since each change of the day may begin a file, and calls Load
// before Run. Load has about two row groups in memory, however many rows there are.
func (t *Table) Load(rows iter.Seq2[row.Row, error], cursor spool.Cursor, count int64) (Loaded, error) {
	t.maintenance.Lock()
	defer t.maintenance.Unlock()
	loaded, err := t.load(rows, cursor, count)
	if err != nil {
		return Loaded{}, fmt.Errorf("load rows: %w", err)
	}
	return loaded, nil
}

func (t *Table) load(rows iter.Seq2[row.Row, error], cursor spool.Cursor, count int64) (Loaded, error) {
	l := newLoad(t)
	err := l.addAll(rows)
	if err == nil {
		err = l.check(count)
	}
	if err == nil {
		err = t.change(func(m *manifest) {
			m.Files = append(m.Files, l.files...)
			if m.Cursor.Before(cursor) {
				m.Cursor = cursor
			}
		})
	}
	if err != nil {
		l.discard()
		return Loaded{}, err
	}
	t.setReached(t.cursor(), 0, 0)
	// Keys after rows: with its key stored and its row missing, a record of the inbox would be
	// left out as a repetition.
	if err := t.loadKeys(); err != nil {
		return Loaded{}, err
	}
	// The caller deletes the other table next. The previous manifest, which is read where the newest
	// is damaged, must therefore name the files too.
	return l.loaded, t.change(func(*manifest) {})
}

const (
	// loadRows and loadBytes bound the rows that are looked up together.
	loadRows  = 16 << 10
	loadBytes = 8 << 20
)

// A load is one call of Load.
type load struct {
	t       *Table
	now     time.Time
	filled  bool // the table has files or erasures
	pending pendingRows
	values  parquet.Row // a buffer of addAll

	file   *fileWriter // nil between two files
	period string      // of the file
	files  []File      // that are finished
	bytes  int64       // of files
	loaded Loaded
}

func newLoad(t *Table) *load {
	l := &load{t: t, now: time.Now(), pending: pendingRows{layout: t.layout}, values: t.layout.rows(1)[0]}
	t.mu.Lock()
	defer t.mu.Unlock()
	l.filled = len(t.manifest.Files)+len(t.manifest.Erasures) > 0
	return l
}

func (l *load) addAll(rows iter.Seq2[row.Row, error]) error {
	for r, err := range rows {
		if err != nil {
			return err
		}
		l.t.layout.fill(l.values, &r)
		l.pending.add(l.values, true)
		if len(l.pending.rows) >= loadRows || l.pending.bytes >= loadBytes {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	if err := l.flush(); err != nil {
		return err
	}
	return l.finish()
}

// flush writes the pending rows that the table does not have.
func (l *load) flush() error {
	rows, err := l.missing()
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		name, n := firstPeriod(rows, l.now)
		if err := l.write(name, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	l.pending.clear()
	return nil
}

// missing returns the pending rows that the table does not have.
func (l *load) missing() ([]pendingRow, error) {
	rows := l.pending.rows
	if !l.filled || len(rows) == 0 {
		return rows, nil
	}
	there, err := l.t.find(rows)
	if err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(rows), func(r pendingRow) bool { return there[r.id] })
	l.loaded.Repeated += int64(len(rows) - len(missing))
	return missing, nil
}

// write writes rows of one period into its file. It begins another file at the size that compaction
// gives a file at most.
func (l *load) write(name string, rows []pendingRow) error {
	full := false
	if l.file != nil {
		size, err := l.file.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		full = size >= l.t.limit(l.bytes)
	}
	if l.file == nil || full || l.period != name {
		if err := l.finish(); err != nil {
			return err
		}
		var err error
		if l.file, err = newFile(l.t.dir, l.t.nextName(name), l.t.layout); err != nil {
			return err
		}
		l.period = name
	}
	if err := l.file.writePending(rows); err != nil {
		return err
	}
	l.loaded.Rows += int64(len(rows))
	return nil
}

// finish ends the file, if there is one.
func (l *load) finish() error {
	if l.file == nil {
		return nil
	}
	f, err := l.file.finish(true, l.now)
	l.file = nil
	if err != nil {
		return err
	}
	l.files, l.bytes = append(l.files, f), l.bytes+f.Bytes
	return nil
}

// check compares count with the number of rows in the new files.
func (l *load) check(count int64) error {
	rows := int64(0)
	for _, f := range l.files {
		src, err := openFile(l.t.dir, f.Name, l.t.layout)
		if err != nil {
			return err
		}
		rows += src.NumRows()
		src.Close()
	}
	if rows+l.loaded.Repeated != count {
		return fmt.Errorf("%d rows are in the new files and %d were in the table, but there should be %d", rows, l.loaded.Repeated, count)
	}
	return nil
}

func (l *load) discard() {
	if l.file != nil {
		l.file.discard()
	}
	l.t.discard(l.files)
}

// loadKeys adds the ids of the rows of the last 48 h to the store of keys.
func (t *Table) loadKeys() error {
	err := t.needKeys()
	if err == nil {
		err = t.addKeys(t.keys)
	}
	if err == nil {
		err = t.keys.Sync()
	}
	if errors.Is(err, keys.ErrDamaged) {
		return t.rebuildKeys(err)
	}
	return err
}
