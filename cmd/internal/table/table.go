package table

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/keys"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Options are the columns and the limits of a table. The zero Options are the defaults.
type Options struct {
	Columns  []Column       // declared columns, beside those that every table has
	MaxAge   time.Duration  // of a beacon since it was received, in table and inbox; 0 means no limit
	MaxBytes int64          // of the table's files; 0 means no limit
	Check    func(*row.Row) // called for each new row; it may add to its error; nil means no check
	Log      *slog.Logger   // nil means slog.Default()
}

// A Table is a folder of Parquet files. Its methods are safe for concurrent use.
type Table struct {
	dir        string
	options    Options
	layout     *layout
	log        *slog.Logger
	keys       *keys.Set // used by Open, Load and Run, which don't overlap; nil where a rebuild failed
	rebuilding bool      // the keys were deleted to be rebuilt
	requests   chan *request
	flushed    chan struct{} // has an entry after a flush
	ended      chan struct{} // closed when Run returns

	// maintenance is held while files are replaced or deleted.
	maintenance sync.Mutex
	// changing is held while the manifest is replaced. That waits for the disk, so mu is not held.
	changing sync.Mutex

	mu         sync.Mutex
	manifest   manifest
	sequence   int64               // the number of the newest file
	reached    spool.Cursor        // the writer has read all before it
	consumed   int64               // bytes of the inbox read since the table was opened
	failing    error               // the error of the last flush, or nil
	pending    int                 // rows that no file of the manifest has
	readers    map[string]int      // by file: how many snapshots have it; the writer counts for its tails
	obsolete   map[string]obsolete // files that are on disk and not in the manifest
	changes    int                 // of the manifest, since the table was opened
	tails      []File              // of the writer, which alone changes them
	tailNumber int                 // of the newest tail
}

const (
	damagedDir = "damaged"
	erasedDir  = "erased"
	keysDir    = "keys"
	tailPrefix = "tail-"
	fileExt    = ".parquet"
)

// Open opens the table in dir, and makes a new one in an empty or missing folder. Only one process
// may have a table open at a time: the caller holds the lock of the inbox beside it. An error wraps
// ErrColumn where a declared column is the reason.
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
	// Query processes have another working folder, so the view needs absolute paths.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	for _, d := range []string{dir, filepath.Join(dir, damagedDir), filepath.Join(dir, erasedDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("open table: %w", err)
		}
	}
	if err := errors.Join(durable.SyncDir(dir), durable.SyncDir(filepath.Dir(dir))); err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	m, damage, err := loadManifest(dir)
	unknown := errors.Is(err, fs.ErrNotExist) || errors.Is(err, errManifest)
	if err != nil && !unknown {
		return nil, fmt.Errorf("open table: %w", err)
	}
	reason := err
	if errors.Is(err, fs.ErrNotExist) {
		reason = nil
	}
	if damage != nil {
		options.Log.Warn("the table is opened from its previous manifest", "reason", damage)
	}
	t := &Table{dir: dir, options: options, layout: l, log: options.Log,
		manifest: m, sequence: m.Sequence, reached: m.Cursor, readers: map[string]int{}, obsolete: map[string]obsolete{},
		requests: make(chan *request), flushed: make(chan struct{}, 1), ended: make(chan struct{})}
	err = nil
	switch {
	case unknown:
		err = t.startOver(reason)
	case damage != nil:
		err = t.change(func(*manifest) {})
	}
	if err == nil {
		err = t.sweep()
	}
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	if err := t.openKeys(); err != nil {
		// Run tries again. Beacons are collected meanwhile.
		t.log.Error("the keys can't be opened now", "error", err)
	}
	return t, nil
}

// Dir is the folder of the files.
func (t *Table) Dir() string { return t.dir }

// Close closes the store of keys. The caller waits until Run and Maintain have returned.
func (t *Table) Close() error {
	if t.keys == nil {
		return nil
	}
	return t.keys.Close()
}

// A Status is the state of a table.
type Status struct {
	Files   int
	Rows    int64 // in the files
	Pending int   // rows that were read from the inbox and are in no file yet
	Bytes   int64 // of the files
	Damaged []Damaged
	Reached spool.Cursor // every row before it is in the files or pending
	Error   error        // the error of the last flush, or nil
}

// Status returns the current state.
func (t *Table) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := &t.manifest
	return Status{Files: len(m.Files), Rows: m.rows(), Pending: t.pending, Bytes: m.bytes(),
		Damaged: slices.Clone(m.Damaged), Reached: t.reached, Error: t.failing}
}

// Consumed returns how many bytes of the inbox were read since the table was opened, and whether the
// last flush succeeded.
func (t *Table) Consumed() (bytes int64, healthy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.consumed, t.failing == nil
}
