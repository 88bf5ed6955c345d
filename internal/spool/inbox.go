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
	// inboxPatience is how long a record waits for the disk.
	inboxPatience = 10 * time.Second
	inboxRecord   = warc.MaxHead + warc.MaxBlock + 1<<10
)

// An Inbox is a collector's spool: one writer, whose Append returns when the record is
// on disk, and any number of readers, which follow it. All methods are safe for
// concurrent use.
type Inbox struct {
	// OnSync, where it is set before the first Append, hears how long each group's write and
	// fsync took.
	OnSync func(time.Duration)

	dir  string
	fs   fileSystem
	w    *writer
	keep int64
	lock file

	groups  groups
	written atomic.Int64 // bytes since it was opened

	mu    sync.Mutex
	added chan struct{} // closed and renewed when records were added
}

// OpenInbox makes dir if it isn't there. One process at a time can have it open.
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
		err = fmt.Errorf("another collector has %s open: stop it, or name another directory", dir)
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

// Append keeps one encoded record, or some. It returns nil when they are on disk; after an
// error they may be there or not, and must not be acknowledged. Its error is ErrSlow where the
// disk has not answered for ten seconds, or where 32 MiB wait for it.
func (in *Inbox) Append(record []byte) error { return in.groups.keep(record, in.write) }

func (in *Inbox) write(records []byte, n int) error {
	began := time.Now()
	if _, err := in.w.append(records, n, true); err != nil {
		return err
	}
	if in.OnSync != nil {
		in.OnSync(time.Since(began))
	}
	in.written.Add(int64(len(records)))
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.added)
	in.added = make(chan struct{})
	return nil
}

// Written is how many bytes of records have come in since the inbox was opened.
func (in *Inbox) Written() int64 { return in.written.Load() }

// Close ends the inbox's segment and lets another process have the directory.
func (in *Inbox) Close() error {
	in.groups.disk.Lock() // a group that is on its way gets there
	defer in.groups.disk.Unlock()
	return errors.Join(in.w.close(), in.lock.Close())
}

// A Cursor is a place in an inbox. The zero Cursor is its beginning.
type Cursor struct {
	Segment string
	Offset  int64
}

// Before says whether c comes before d.
func (c Cursor) Before(d Cursor) bool {
	return c.Segment < d.Segment || c.Segment == d.Segment && c.Offset < d.Offset
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

// inboxKept is how many bytes of segments that every sink is past stay for an export.
const inboxKept = 1 << 30

// Trim deletes the oldest of the segments that lie wholly before c, and keeps 1 GiB of
// them, or what [Inbox.KeepAtMost] says. The newest segment of all stays in any case: the next one's name is made to sort
// behind it.
func (in *Inbox) Trim(c Cursor) error {
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
			continue // Forget was first
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

// An Item is what stands at one place of an inbox: a record, or damage.
type Item struct {
	Record warc.Record // its body is valid until the next call
	Damage error       // why it is no record, or nil
	Raw    []byte      // then, its bytes, at most 1 MiB; valid until the next call
	At     Cursor
	Next   Cursor // the place behind it
}

// An InboxReader follows an inbox from a place on. It is for one goroutine.
type InboxReader struct {
	in   *Inbox
	r    reader
	name string
	off  int64
	end  int64 // of the segment when nothing is written to it any more, or -1
}

// Reader returns a reader that begins at c.
func (in *Inbox) Reader(c Cursor) *InboxReader {
	return &InboxReader{in: in, name: c.Segment, off: c.Offset}
}

// Next returns the next item, and waits for one until ctx is done.
func (r *InboxReader) Next(ctx context.Context) (Item, error) {
	for {
		// The channel first, so that what is added while we look is not missed.
		r.in.mu.Lock()
		added := r.in.added
		r.in.mu.Unlock()
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

// TryNext returns the next item, or io.EOF where there is none yet.
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

// openFrom opens the segment of the cursor, or the next one where that is gone.
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

// advance goes on to the segment behind the current one, if there is one.
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

// Close frees what the reader holds.
func (r *InboxReader) Close() { r.r.close() }
