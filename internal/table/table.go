package table

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/table/keys"
)

// Options say what a table has and how long it keeps it. The zero Options is the default.
type Options struct {
	Columns  []Column      // fields of data with a column of their own
	MaxAge   time.Duration // since a beacon was received, in table and inbox; 0 keeps all
	MaxBytes int64         // of the table's files; 0 is any number
	Log      *slog.Logger  // nil means slog.Default()
}

// A Table is a folder of Parquet files. Its methods are safe for concurrent use.
type Table struct {
	dir     string
	options Options
	layout  *layout
	log     *slog.Logger
	keys    *keys.Set // used by the writer alone; nil where they could not be written anew
	asks    chan *ask
	flushed chan struct{} // has an entry after a flush
	ended   chan struct{} // closed when Run returns

	// maintenance is held by whatever replaces or deletes files: one at a time.
	maintenance sync.Mutex
	// changing is held while the manifest is replaced, which waits for the disk.
	changing sync.Mutex

	mu       sync.Mutex
	manifest manifest
	sequence int64               // the number of the newest file
	reached  spool.Cursor        // how far the writer has read
	consumed int64               // bytes of the inbox read since the table was opened
	failing  error               // why the last flush failed
	pending  int                 // rows that no file of the manifest has
	held     map[string]int      // how many readers have a file
	obsolete map[string]obsolete // files that are on disk and not in the manifest
	changes  int                 // of the manifest, since the table was opened
	tails    int                 // that were written
	tail     string              // the writer's, or ""
}

const (
	damagedDir = "damaged"
	erasedDir  = "erased"
	keysDir    = "keys"
	tailPrefix = "tail-"
	fileExt    = ".parquet"
)

// Open opens the table in dir, and makes a new one in an empty or missing folder. One process at a
// time may have it open: the caller has locked the inbox beside it.
func Open(dir string, options Options) (*Table, error) {
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if err := CheckColumns(options.Columns); err != nil {
		return nil, err
	}
	l, err := newLayout(options.Columns)
	if err != nil {
		return nil, err
	}
	// Query processes and other programs have working folders of their own.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	for _, d := range []string{dir, filepath.Join(dir, damagedDir), filepath.Join(dir, erasedDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("open table: %w", err)
		}
	}
	if err := errors.Join(syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	m, damage, err := loadManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	if damage != nil {
		options.Log.Warn("the table is opened from its previous manifest", "reason", damage)
	}
	t := &Table{dir: dir, options: options, layout: l, log: options.Log,
		manifest: m, sequence: m.Sequence, reached: m.Cursor, held: map[string]int{}, obsolete: map[string]obsolete{},
		asks: make(chan *ask), flushed: make(chan struct{}, 1), ended: make(chan struct{})}
	if damage != nil {
		err = t.change(func(*manifest) {})
	}
	if err == nil {
		err = t.sweep()
	}
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	if err := t.openKeys(); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	return t, nil
}

// Dir is the folder of the files.
func (t *Table) Dir() string { return t.dir }

// Columns are the declared columns.
func (t *Table) Columns() []Column { return t.options.Columns }

// Close frees what the table holds. Run and Maintain have returned by then.
func (t *Table) Close() error {
	if t.keys == nil {
		return nil
	}
	return t.keys.Close()
}

// A Status is the state of a table at one moment.
type Status struct {
	Files   int
	Rows    int64 // in the files
	Pending int   // rows that are read from the inbox and in no file yet
	Bytes   int64
	Damaged []Damaged
	Reached spool.Cursor // everything before it is in the files or pending
	Error   error        // why rows can't be written now, or nil
}

// Status returns the state now.
func (t *Table) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := &t.manifest
	return Status{Files: len(m.Files), Rows: m.rows(), Pending: t.pending, Bytes: m.bytes(),
		Damaged: append([]Damaged(nil), m.Damaged...), Reached: t.reached, Error: t.failing}
}

// Consumed is how many bytes of the inbox were read since the table was opened, and whether what
// was read gets into the files.
func (t *Table) Consumed() (bytes int64, healthy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.consumed, t.failing == nil
}
