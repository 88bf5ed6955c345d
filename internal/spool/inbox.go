package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// inboxSegment is the size in bytes at which an inbox begins a new segment.
	inboxSegment = 64 << 20
	// inboxPatience is how long Append waits for the disk.
	inboxPatience = 10 * time.Second
	inboxRecord   = warc.MaxHead + warc.MaxBlock + 1<<10
)

// An Inbox is a collector's spool. It has one writer, whose Append returns when the record is on
// disk, and any number of readers that follow it. All methods are safe for concurrent use.
type Inbox struct {
	// OnSync, if it is set before the first Append, is called with the time that the write and
	// the fsync of each group took.
	OnSync func(time.Duration)

	throttle atomic.Pointer[func() time.Duration]

	dir  string
	fs   fileSystem
	w    *writer
	keep int64
	lock file

	groups  groups
	written atomic.Int64 // bytes since the inbox was opened
	grouped atomic.Int64 // groups since then
	records atomic.Int64 // records of those

	mu      sync.Mutex
	added   chan struct{}   // closed and replaced when records were added
	end     Cursor          // behind the last record that was added
	readers []func() Cursor // of KeepFrom
}

// OpenInbox opens the inbox in dir, which it creates if it is missing. One process at a time can
// have it open.
func OpenInbox(dir string) (*Inbox, error) { return openInbox(osFS{}, dir, inboxSegment) }

func openInbox(fsys fileSystem, dir string, segmentSize int64) (*Inbox, error) {
	if err := makePrivate(fsys, dir); err != nil {
		return nil, wrap("open inbox", err)
	}
	lock, err := fsys.Open(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, wrap("open inbox", err)
	}
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = fmt.Errorf("another collector has %s open: stop it, or use another data folder (--data)", dir)
	}
	if err != nil {
		lock.Close()
		return nil, wrap("open inbox", err)
	}
	in := &Inbox{dir: dir, fs: fsys, keep: inboxKept, lock: lock, added: make(chan struct{})}
	in.w = newWriter(fsys, dir, segmentSize)
	in.groups.patience = inboxPatience
	names, err := listSegments(fsys, dir)
	if err != nil {
		lock.Close()
		return nil, wrap("open inbox", err)
	}
	if len(names) > 0 {
		in.w.last = names[len(names)-1]
	}
	return in, nil
}

// Append adds one or more encoded records. It returns nil when they are on disk. After an error
// they may be on disk or not, and must not be acknowledged. The error is ErrSlow if the disk has
// not answered for ten seconds, or if 32 MiB already wait for it.
func (in *Inbox) Append(record []byte) error { return in.groups.keep(record, in.write) }

// Throttle sets a function that returns how long the next group of records waits before it is
// written. The groups' writer calls it once for each group.
func (in *Inbox) Throttle(delay func() time.Duration) { in.throttle.Store(&delay) }

func (in *Inbox) write(records []byte, n int) error {
	if delay := in.throttle.Load(); delay != nil {
		if d := (*delay)(); d > 0 {
			time.Sleep(d)
		}
	}
	began := time.Now()
	if _, err := in.w.append(records, n, true); err != nil {
		return err
	}
	if in.OnSync != nil {
		in.OnSync(time.Since(began))
	}
	in.written.Add(int64(len(records)))
	in.grouped.Add(1)
	in.records.Add(int64(n))
	in.mu.Lock()
	defer in.mu.Unlock()
	in.end = in.w.end
	close(in.added)
	in.added = make(chan struct{})
	return nil
}

// Written returns the bytes of records that were added since the inbox was opened.
func (in *Inbox) Written() int64 { return in.written.Load() }

// Groups returns how many groups of records were written since the inbox was opened, and how many
// records they had. Large groups mean that many clients wait at a time.
func (in *Inbox) Groups() (groups, records int64) { return in.grouped.Load(), in.records.Load() }

// Close ends the newest segment and unlocks the directory for another process.
func (in *Inbox) Close() error {
	in.groups.disk.Lock() // waits for the group that is being written
	defer in.groups.disk.Unlock()
	return errors.Join(in.w.close(), in.lock.Close())
}

// A Cursor is a place in an inbox. The zero Cursor is its beginning.
type Cursor struct {
	Segment string
	Offset  int64
}

// Before reports whether c comes before d.
func (c Cursor) Before(d Cursor) bool {
	return c.Segment < d.Segment || c.Segment == d.Segment && c.Offset < d.Offset
}

// Synced returns the place behind all records whose Append has returned nil since the inbox was opened. Unlike
// End it reads no files. It is the zero Cursor before the first.
func (in *Inbox) Synced() Cursor {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.end
}

// End returns the place behind the last record that is on disk.
func (in *Inbox) End() (Cursor, error) {
	names, err := listSegments(in.fs, in.dir)
	if err != nil || len(names) == 0 {
		return Cursor{}, wrap("look at inbox", err)
	}
	last := names[len(names)-1]
	size, err := in.limit(last)
	return Cursor{last, size}, err
}

// KeepFrom has Trim, Forget and Erase leave what lies behind place, for a reader besides the one that calls them. place
// returns how far that reader has come.
func (in *Inbox) KeepFrom(place func() Cursor) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.readers = append(in.readers, place)
}

// passed returns the place that all readers have passed: c is that of one of them.
func (in *Inbox) passed(c Cursor) Cursor {
	in.mu.Lock()
	readers := slices.Clone(in.readers)
	in.mu.Unlock()
	for _, place := range readers {
		if p := place(); p.Before(c) {
			c = p
		}
	}
	return c
}

func (in *Inbox) limit(name string) (int64, error) {
	f, err := in.fs.Open(filepath.Join(in.dir, name), os.O_RDONLY)
	if err != nil {
		return 0, wrap("open segment", err)
	}
	defer f.Close()
	size, err := f.Size()
	if limit, active := in.w.readable(name); active {
		size = limit
	}
	return size, wrap("look at segment", err)
}

// inboxKept is how many bytes of segments that every reader has passed stay for an export.
const inboxKept = 1 << 30

// Trim deletes the oldest segments that lie wholly before c. Of those segments 1 GiB stays, or the
// size that [Inbox.KeepAtMost] sets. The newest segment of the inbox always stays, because the name
// of the next one is derived from it so that it sorts behind it.
func (in *Inbox) Trim(c Cursor) error {
	c = in.passed(c)
	names, err := listSegments(in.fs, in.dir)
	if err != nil {
		return wrap("trim inbox", err)
	}
	in.mu.Lock()
	keep := in.keep
	in.mu.Unlock()
	kept := int64(0)
	for _, name := range slices.Backward(names[:max(len(names)-1, 0)]) {
		if name >= c.Segment {
			continue
		}
		size, err := in.limit(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // Forget has deleted it
		}
		if err != nil {
			return err
		}
		if kept += size; kept <= keep {
			continue
		}
		if err := in.fs.Remove(filepath.Join(in.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrap("trim inbox", err)
		}
	}
	return nil
}

// An Item is a record, or damage, at one place of an inbox.
type Item struct {
	Record warc.Record // its body is valid until the next call
	Damage error       // why the bytes are not a record, or nil
	Raw    []byte      // the record's bytes, or the damaged ones, at most 1 MiB of them; valid until the next call
	At     Cursor
	Next   Cursor // the place behind it
}

// An InboxReader reads an inbox from a place on, also while records are added. It is for one
// goroutine.
type InboxReader struct {
	in   *Inbox
	r    reader
	name string
	off  int64
	end  int64 // the size of a segment that has ended, else -1
}

// Reader returns a reader that starts at c.
func (in *Inbox) Reader(c Cursor) *InboxReader {
	return &InboxReader{in: in, name: c.Segment, off: c.Offset}
}

// Added returns a channel that is closed when the next records are added.
func (in *Inbox) Added() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.added
}

// Next returns the next item, and waits for one until ctx is done.
func (r *InboxReader) Next(ctx context.Context) (Item, error) {
	for {
		// The channel first: records that are added during TryNext close it.
		added := r.in.Added()
		it, err := r.TryNext()
		if err != io.EOF {
			return it, err
		}
		select {
		case <-added:
		case <-ctx.Done():
			return Item{}, ctx.Err()
		}
	}
}

// TryNext returns the next item, or io.EOF at the end of the inbox.
func (r *InboxReader) TryNext() (Item, error) {
	for {
		if r.r.file == nil {
			if err := r.openFrom(); err != nil {
				return Item{}, err
			}
		}
		limit, active := r.end, false
		if limit < 0 {
			if limit, active = r.in.w.readable(r.name); !active {
				var err error
				if limit, err = r.r.file.Size(); err != nil {
					return Item{}, wrap("look at segment", err)
				}
				r.end = limit
			}
		}
		it, err := r.r.next(limit, !active)
		if err == nil {
			return Item{it.record, it.err, it.raw, Cursor{r.name, it.off}, Cursor{r.name, it.end}}, nil
		}
		if err != io.EOF || active {
			return Item{}, err
		}
		more, err := r.advance()
		if err != nil {
			return Item{}, err
		}
		if !more {
			return Item{}, io.EOF
		}
	}
}

// openFrom opens the segment of the cursor, or the next one if that segment was deleted.
func (r *InboxReader) openFrom() error {
	names, err := listSegments(r.in.fs, r.in.dir)
	if err != nil {
		return wrap("look at inbox", err)
	}
	for _, name := range names {
		if name < r.name {
			continue
		}
		if name > r.name {
			r.name, r.off = name, 0
		}
		f, err := r.in.fs.Open(filepath.Join(r.in.dir, name), os.O_RDONLY)
		if err != nil {
			return wrap("open segment", err)
		}
		r.r, r.end = reader{file: f, max: inboxRecord, off: r.off}, -1
		return nil
	}
	return io.EOF
}

// advance moves to the segment behind the current one, if it exists.
func (r *InboxReader) advance() (bool, error) {
	names, err := listSegments(r.in.fs, r.in.dir)
	if err != nil {
		return false, wrap("look at inbox", err)
	}
	if len(names) == 0 || names[len(names)-1] <= r.name {
		return false, nil
	}
	r.r.close()
	r.name, r.off = r.name+"\x00", 0 // the least name behind it
	return true, nil
}

// Close closes the reader's file.
func (r *InboxReader) Close() { r.r.close() }
