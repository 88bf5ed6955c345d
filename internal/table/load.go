package table

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/table/keys"
)

// Loaded is the result of [Table.Load].
type Loaded struct {
	Rows     int64 // that were added
	Repeated int64 // that the table had already, or that were erased from it
}

// Load adds rows of another table, of which there must be count, and moves the cursor up to cursor
// if it is before that. Rows whose ids the table has, or had until they were erased, are left out.
//
// The rows and the cursor become a part of the table together. After an error a repetition of Load
// adds what is missing.
//
// Rows of a day follow each other, since each change of the day may begin a file. Load is called
// before Run. It holds about two row groups in memory, however many rows there are.
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
	t.moved(t.cursor(), 0, 0)
	// The keys come after the rows: the key of a row that is not in the table would keep the
	// inbox's record of it out.
	if err := t.loadKeys(); err != nil {
		return Loaded{}, err
	}
	// The other table is deleted next, so the previous manifest, which is read where the newest is
	// damaged, has to name the files too.
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
	values  parquet.Row
	batch   []parquet.Row

	file   *fileWriter // nil between two files
	period string      // of the file
	files  []File      // that are finished
	bytes  int64       // of those
	loaded Loaded
}

func newLoad(t *Table) *load {
	l := &load{t: t, now: time.Now(), pending: pendingRows{layout: t.layout}, values: t.layout.rows(1)[0], batch: t.layout.rows(batchRows)}
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
		holdable(&r)
		l.t.layout.fill(l.values, &r)
		l.pending.add(l.values, false)
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

// flush writes the pending rows that the table does not have, those of a day together.
func (l *load) flush() error {
	rows, err := l.missing()
	if err != nil {
		return err
	}
	for len(rows) > 0 {
		day, n := dayOf(rows[0].at), 1
		for n < len(rows) && dayOf(rows[n].at) == day {
			n++
		}
		if err := l.write(rows[:n]); err != nil {
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
	there := map[uuid.UUID]bool{}
	var days []int64
	for _, r := range rows {
		there[r.id] = false
		days = append(days, dayOf(r.at))
	}
	slices.Sort(days)
	if err := l.t.find(there, slices.Compact(days)); err != nil {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(rows), func(r pendingRow) bool { return there[r.id] })
	l.loaded.Repeated += int64(len(rows) - len(missing))
	return missing, nil
}

// write writes rows of one day into the file of its period. A file ends at the size from which on
// compaction leaves it as it is.
func (l *load) write(rows []pendingRow) error {
	name, _ := period(time.UnixMicro(rows[0].at), l.now)
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
	for some := range slices.Chunk(rows, batchRows) {
		for i := range some {
			l.t.layout.unpack(l.batch[i], some[i].packed)
		}
		if err := l.file.write(l.batch[:len(some)]); err != nil {
			return err
		}
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

// check counts the rows as the new files have them.
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
	err := errNoKeys
	if t.keys != nil {
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
