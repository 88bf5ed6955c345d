package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const (
	lockName = "lock"
	deadName = "dead"

	// maxOutboxFiles bounds the segments of an outbox: a process that sends makes one.
	maxOutboxFiles = 10_000
	// outboxRecord is more than any record that the sender writes.
	outboxRecord = 1 << 20
)

// An Outbox is a sender's spool. Any number of processes may append to it; each writes
// segments of its own. Whoever holds its lock delivers. All methods are safe for
// concurrent use.
type Outbox struct {
	dir      string
	fs       fileSystem
	w        *writer
	capacity int64

	mu   sync.Mutex
	room int64          // bytes that may be appended before the directory is measured again
	sent map[string]int // records by segment, until all of a segment's are finished
	lock *os.File       // open but not held: what TryLock tries
}

// OutboxOptions: Capacity is in bytes on disk, the dead included; Power makes Append
// wait for the disk.
type OutboxOptions struct {
	Capacity int64
	Power    bool
}

// OpenOutbox makes dir, mode 0700, if it isn't there. It refuses a directory that
// belongs to somebody else, or is a link.
func OpenOutbox(dir string, o OutboxOptions) (*Outbox, error) {
	return openOutbox(osFS{}, dir, o)
}

func openOutbox(fsys fileSystem, dir string, o OutboxOptions) (*Outbox, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, wrap("open outbox", err)
	}
	box := &Outbox{dir: dir, fs: fsys, capacity: o.Capacity, sent: map[string]int{}}
	// Sixteen segments to an outbox: what is delivered gives its room back by segments.
	box.w = newWriter(fsys, dir, max(o.Capacity/16, 64<<10), o.Power)
	if err := box.make(); err != nil {
		return nil, wrap("open outbox", err)
	}
	return box, nil
}

func (o *Outbox) make() error {
	if err := os.MkdirAll(filepath.Join(o.dir, deadName), 0o700); err != nil {
		return err
	}
	return private(o.dir)
}

// Dir returns the outbox's directory, an absolute path.
func (o *Outbox) Dir() string { return o.dir }

// Append keeps one encoded record. The error is [ErrFull] at the outbox's bounds, else
// the disk's.
func (o *Outbox) Append(record []byte) error {
	if err := o.reserve(int64(len(record))); err != nil {
		return err
	}
	segment, first, err := o.w.append(record)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody deleted the directory under us; the next one is as good.
		if err = o.make(); err == nil {
			segment, first, err = o.w.append(record)
		}
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent[segment]++
	if first && o.lock != nil {
		// A new segment may be in a new directory, which has a lock of its own.
		o.lock.Close()
		o.lock = nil
	}
	return nil
}

// reserve takes n bytes of the outbox's room. Processes that share an outbox learn of
// each other's records only when they measure, so together they can exceed the capacity
// by what each is granted at a time: a sixteenth of what is free, at most 256 KiB.
func (o *Outbox) reserve(n int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.room >= n {
		o.room -= n
		return nil
	}
	used, files, err := o.used()
	if errors.Is(err, fs.ErrNotExist) {
		used, files, err = 0, 0, nil
	}
	if err != nil {
		return wrap("measure outbox", err)
	}
	if files >= maxOutboxFiles {
		return fmt.Errorf("%w: %d segments in %s", ErrFull, files, o.dir)
	}
	free := o.capacity - used
	if free < n {
		return fmt.Errorf("%w: %d of %d bytes used in %s", ErrFull, used, o.capacity, o.dir)
	}
	o.room = max(n, min(free/16, 256<<10)) - n
	return nil
}

func (o *Outbox) used() (bytes int64, files int, err error) {
	for _, dir := range []string{o.dir, filepath.Join(o.dir, deadName)} {
		entries, err := o.fs.ReadDir(dir)
		if err != nil {
			return 0, 0, err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				bytes += info.Size()
			}
			if isSegment(e.Name()) && dir == o.dir {
				files++
			}
		}
	}
	return bytes, files, nil
}

// Waiting returns how many of the records that this Outbox appended have no outcome yet.
func (o *Outbox) Waiting() (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for name, count := range o.sent {
		path := filepath.Join(o.dir, name)
		f, err := o.fs.Open(path, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			delete(o.sent, name) // finished, counted and gone
			continue
		}
		if err != nil {
			return 0, wrap("look at segment", err)
		}
		f.Close()
		l, err := loadLedger(o.fs, path)
		if err != nil {
			return 0, err
		}
		n += max(count-len(l.done), 0)
	}
	return n, nil
}

// Close gives up the outbox's segment; what is in it stays for a deliverer.
func (o *Outbox) Close() error {
	err := o.w.close()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lock != nil {
		o.lock.Close()
		o.lock = nil
	}
	return err
}

// TryLock takes the outbox's lock, which makes the caller its deliverer, or returns nil
// if somebody else is. The lock lives in the file: it can be handed to a child process,
// and goes when the last process that has it open is gone.
func (o *Outbox) TryLock() (*os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lock == nil {
		f, err := os.OpenFile(filepath.Join(o.dir, lockName), os.O_CREATE|os.O_RDWR|noFollow, 0o600)
		if err != nil {
			return nil, wrap("open lock", err)
		}
		o.lock = f
	}
	ok, err := tryLock(o.lock)
	if err != nil || !ok {
		return nil, err
	}
	f := o.lock
	o.lock = nil
	return f, nil
}
