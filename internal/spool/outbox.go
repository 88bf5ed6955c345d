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
	lockName  = "lock"
	shownName = "delivering"
	deadName  = "dead"

	// outboxSegment is the size in bytes at which a writer begins a new segment: what is
	// delivered gives its room back by segments.
	outboxSegment = 256 << 10
	// maxOutboxFiles bounds the segments of an outbox: a process that sends makes one.
	maxOutboxFiles = 2000
	// outboxRecord is more than any record that the sender writes.
	outboxRecord = 1 << 20
)

// An Outbox is a sender's spool. Any number of processes may append to it; each writes
// segments of its own. Whoever holds its lock delivers. All methods are safe for
// concurrent use.
type Outbox struct {
	dir string
	fs  fileSystem
	w   *writer

	mu   sync.Mutex
	room int64          // bytes that may be appended before the directory is measured again
	of   int64          // the capacity that it is a part of
	sent map[string]int // records by segment, until all of a segment's are finished
	lock *os.File       // open but not held: what TryLock tries
}

// OpenOutbox makes dir, mode 0700, if it isn't there. It refuses a directory that
// belongs to somebody else, or is a link.
func OpenOutbox(dir string) (*Outbox, error) { return openOutbox(osFS{}, dir) }

func openOutbox(fsys fileSystem, dir string) (*Outbox, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, wrap("open outbox", err)
	}
	box := &Outbox{dir: dir, fs: fsys, w: newWriter(fsys, dir, outboxSegment), sent: map[string]int{}}
	return box, wrap("open outbox", box.make())
}

func (o *Outbox) make() error {
	if err := makePrivate(o.fs, o.dir); err != nil {
		return err
	}
	return makePrivate(o.fs, filepath.Join(o.dir, deadName))
}

// Dir returns the outbox's directory, an absolute path.
func (o *Outbox) Dir() string { return o.dir }

// Append keeps one encoded record; a durable one is on disk when it returns. The capacity
// is in bytes on disk. The error is [ErrFull] at the outbox's bounds, else the disk's.
func (o *Outbox) Append(record []byte, capacity int64, durable bool) error {
	if err := o.reserve(int64(len(record)), capacity); err != nil {
		return err
	}
	segment, first, err := o.w.append(record, durable)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody deleted the directory under us; the next one is as good.
		if err = o.make(); err == nil {
			segment, first, err = o.w.append(record, durable)
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
func (o *Outbox) reserve(n, capacity int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.room >= n && o.of == capacity {
		o.room -= n
		return nil
	}
	used, files, err := o.used()
	if err != nil {
		return wrap("measure outbox", err)
	}
	free := capacity - used
	switch {
	case files >= maxOutboxFiles:
		err = fmt.Errorf("%w: %d segments in %s", ErrFull, files, o.dir)
	case free < n:
		err = fmt.Errorf("%w: %d of %d bytes used in %s", ErrFull, used, capacity, o.dir)
	default:
		o.room, o.of = max(n, min(free/16, 256<<10))-n, capacity
		return nil
	}
	// What of our own segment is delivered can be deleted once it is no longer written.
	o.w.next()
	return err
}

// used measures the segments; what is dead has a bound of its own.
func (o *Outbox) used() (bytes int64, files int, err error) {
	entries, err := o.fs.ReadDir(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && isSegment(e.Name()) {
			bytes += info.Size()
			files++
		}
	}
	return bytes, files, err
}

// Pending says whether there may be something to deliver in the outbox in dir: a quick
// look, which takes a segment without a ledger for one that has.
func Pending(dir string) bool {
	names, err := listSegments(osFS{}, dir)
	if err != nil {
		return false
	}
	t, err := loadTally(osFS{}, dir)
	if err != nil {
		return false
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if err != nil || info.Size() == 0 || t.retired[name] {
			continue
		}
		if _, err := os.Lstat(ledgerPath(path)); errors.Is(err, fs.ErrNotExist) {
			return true
		}
		var s Status
		s.Outcomes = Tally{}
		if err := s.add(osFS{}, path); err == nil && s.Pending > 0 {
			return true
		}
	}
	return false
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
