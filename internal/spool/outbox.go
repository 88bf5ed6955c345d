package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lockName  = "lock"
	shownName = "delivering"
	deadName  = "dead"

	// leastPart is the least size in bytes of a part, of which an outbox has 64. A writer is granted room by
	// parts, and begins a new segment with each, because delivered beacons free their room by segments.
	leastPart = 256 << 10
	// leastDisk is how many bytes of the disk are left free, besides an eighth of the size of the outbox: a
	// ledger's line is at most a fifth of the smallest record.
	leastDisk = 64 << 10
	// leastSegment is the least size in bytes that a segment counts for: a block of a file system.
	leastSegment = 4 << 10
	// refusedPause is how long a full outbox is not measured again.
	refusedPause = 100 * time.Millisecond
	// lockPause is the time between two checks of a lock that is held.
	lockPause = time.Second
	// outboxRecord is more than any record that the sender writes.
	outboxRecord = 2 << 20
)

// An Outbox is a sender's spool. Any number of processes may append to it; each writes segments of its own.
// The holder of its lock delivers. All methods are safe for concurrent use.
type Outbox struct {
	dir string
	fs  fileSystem
	w   *writer

	groups groups // of durable records

	room    atomic.Int64            // bytes that may be appended before the directory is measured again
	of      atomic.Int64            // the capacity for which room was measured
	refused atomic.Pointer[refusal] // the last one

	mu   sync.Mutex
	lock *os.File // open but not held: what TryLock tries

	looked time.Time // when a lock that is held was checked last
}

// A refusal is the error for records of at least a number of bytes, until a time.
type refusal struct {
	until time.Time
	bytes int64
	err   error
}

// OpenOutbox makes dir, mode 0700, if it is missing. It refuses a directory of another user, and a link.
func OpenOutbox(dir string) (*Outbox, error) { return openOutbox(osFS{}, dir) }

func openOutbox(fsys fileSystem, dir string) (*Outbox, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, wrap("open outbox", err)
	}
	box := &Outbox{dir: dir, fs: fsys, w: newWriter(fsys, dir, leastPart)}
	box.w.ended = map[string]int{}
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

// Append appends one encoded record. A durable one is on disk when it returns. The capacity is in bytes on
// disk. The error is [ErrFull] if the outbox or the disk is full, else the disk's.
func (o *Outbox) Append(record []byte, capacity int64, durable bool) error {
	if len(record) > outboxRecord {
		return fmt.Errorf("a record of %d bytes is over the limit of %d", len(record), outboxRecord)
	}
	if err := o.reserve(int64(len(record)), capacity); err != nil {
		return err
	}
	if durable {
		return o.groups.keep(record, func(records []byte, n int) error { return o.write(records, n, true) })
	}
	return o.write(record, 1, false)
}

func (o *Outbox) write(records []byte, n int, durable bool) error {
	first, err := o.w.append(records, n, durable)
	if errors.Is(err, fs.ErrNotExist) {
		// The directory was deleted: make it again.
		if err = o.make(); err == nil {
			first, err = o.w.append(records, n, durable)
		}
	}
	if first {
		o.forgetLock()
	}
	return err
}

// forgetLock closes the lock file, because a new segment may be in a new directory with another lock.
func (o *Outbox) forgetLock() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lock != nil {
		o.lock.Close()
		o.lock = nil
	}
}

// reserve takes n bytes of the outbox's room. Processes that share an outbox see each other's records only
// when they measure it. So together they can exceed the capacity by what each is granted at a time: a
// sixteenth of the free room, at most a part. A full outbox is measured once in refusedPause.
func (o *Outbox) reserve(n, capacity int64) error {
	if o.of.Load() == capacity && o.room.Add(-n) >= 0 {
		return nil
	}
	if r := o.refused.Load(); r != nil && n >= r.bytes && time.Now().Before(r.until) {
		return r.err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	used, err := o.used()
	if err != nil {
		return wrap("measure outbox", err)
	}
	o.counts() // forgets segments that are deleted
	disk, err := Free(o.dir)
	if err != nil {
		disk = capacity // a full disk then fails the write
	}
	// An outbox that took all of the disk could not write the outcomes of its beacons, and would stay full.
	disk -= used/8 + leastDisk
	free := capacity - used
	switch {
	case disk < n:
		err = fmt.Errorf("%w: its disk has no room, or only what the outcomes of the beacons in %s need", ErrFull, o.dir)
	case free < n:
		err = fmt.Errorf("%w: %d of %d bytes used in %s", ErrFull, used, capacity, o.dir)
	default:
		part := max(capacity/64, leastPart)
		o.room.Store(max(n, min(free/16, disk/16, part)) - n)
		o.of.Store(capacity)
		o.w.segmentsOf(part)
		return nil
	}
	// The delivered beacons of this segment can be deleted once it is not written any more.
	o.w.next()
	o.refused.Store(&refusal{time.Now().Add(refusedPause), n, err})
	return err
}

// used returns the bytes of the segments, at least leastSegment for each. The folder dead/ has a bound of
// its own.
func (o *Outbox) used() (bytes int64, err error) {
	entries, err := o.fs.ReadDir(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && isSegment(e.Name()) {
			bytes += max(info.Size(), leastSegment)
		}
	}
	return bytes, err
}

// Pending reports whether the outbox in dir may have beacons to deliver. It takes a segment without a ledger
// for one that has.
func Pending(dir string) (pending bool) {
	steady(osFS{}, dir, func(t tallyFile) bool {
		pending = mayPend(dir, t)
		return !pending
	})
	return pending
}

func mayPend(dir string, t tallyFile) bool {
	names, err := listSegments(osFS{}, dir)
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
func (o *Outbox) Waiting() (n int, err error) {
	for segment, count := range o.counts() {
		l, err := loadLedger(o.fs, filepath.Join(o.dir, segment))
		if err != nil {
			return 0, err
		}
		n += max(count-len(l.done), 0)
	}
	return n, nil
}

// counts returns the number of records that this Outbox appended to each segment. A deleted segment is
// finished and counted.
func (o *Outbox) counts() map[string]int {
	return o.w.counts(func(segment string) bool {
		_, err := os.Lstat(filepath.Join(o.dir, segment))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// Close ends the outbox's segment. Its records stay for a deliverer.
func (o *Outbox) Close() error {
	o.forgetLock()
	return o.w.close()
}

// TryLock takes the outbox's lock, which makes the caller its deliverer, or returns nil if it is held. The
// lock belongs to the open file: a child process can inherit it, and it ends with the last process that has
// it open.
func (o *Outbox) TryLock() (*os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lock, _, err := o.tryLock()
	return lock, err
}

// tryLock is TryLock for a caller that holds o.mu. Once in lockPause it checks whether a lock that is held is
// still the outbox's, and returns that it did.
func (o *Outbox) tryLock() (lock *os.File, looked bool, err error) {
	for {
		if o.lock == nil {
			f, err := os.OpenFile(filepath.Join(o.dir, lockName), os.O_CREATE|os.O_RDWR|openFlags, 0o600)
			if err != nil {
				return nil, false, wrap("open lock", err)
			}
			o.lock = f
		}
		locked, err := tryLock(o.lock)
		if err != nil {
			return nil, false, err
		}
		if !locked {
			now := time.Now()
			if now.Sub(o.looked) < lockPause {
				return nil, false, nil
			}
			o.looked = now
		}
		if o.isLock(o.lock) {
			if !locked {
				return nil, true, nil
			}
			f := o.lock
			o.lock = nil
			return f, false, nil
		}
		o.lock.Close() // it was deleted or replaced: the file in its place counts
		o.lock = nil
	}
}

// isLock reports whether f is still the outbox's lock file.
func (o *Outbox) isLock(f *os.File) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Stat(filepath.Join(o.dir, lockName))
	return err == nil && os.SameFile(ours, theirs)
}
