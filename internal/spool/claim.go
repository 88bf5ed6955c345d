package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// ErrLost means that the outbox was deleted or replaced while it was being delivered.
var ErrLost = errors.New("outbox is no longer the one that was claimed")

// A Claim is an outbox whose lock is held. Only the holder reads records, writes ledgers and deletes
// segments. It is not safe for concurrent use.
type Claim struct {
	o        *Outbox
	lock     *os.File
	open     map[string]*claimed
	segments []*claimed       // by their number; nil once they are retired
	seen     map[string]int64 // the segments' sizes at the last Scan
	mergeAt  time.Time        // Merge does nothing until then

	tally    tallyFile // what the file has
	unsynced bool      // the file may not be on disk yet

	shown       file // locked while the claim lasts, for a status to see
	shownLocked bool

	dead   *writer
	buried map[uuid.UUID]bool // in dead, but perhaps not in the ledger yet

	// Only the segment that was read last and the ledger that was written last stay open, because there
	// may be hundreds.
	reading     *claimed
	readingFile file
	buffer      []byte
	ahead       []byte // of the buffer: the segment's next bytes, from aheadOff on
	aheadOff    int64
	adding      *ledger
}

// claimed is a segment that a claim follows.
type claimed struct {
	number  uint32 // the index in the claim's segments
	name    string
	path    string
	r       reader
	ledger  *ledger
	waiting int  // records without an outcome
	adopted bool // its writer has ended
	read    bool // all of it was
	alone   bool // it can't be merged

	from []*claimed // the segments that were merged into it

	// Of a segment that was merged only its number and these are left.
	to   *claimed
	runs []run // by their place in it
}

// Claim returns the claim of the holder of the outbox's lock. Release releases the lock.
func (o *Outbox) Claim(lock *os.File) (*Claim, error) {
	c := &Claim{o: o, lock: lock, open: map[string]*claimed{}, seen: map[string]int64{}, buried: map[uuid.UUID]bool{}}
	c.dead = newWriter(o.fs, filepath.Join(o.dir, deadName), 1<<20)
	c.dead.lasting = true
	if err := c.held(); err != nil {
		return nil, err
	}
	var err error
	if c.tally, err = loadTally(o.fs, o.dir); err != nil {
		return nil, err
	}
	c.unsynced = true // perhaps the last deliverer died before it could sync it
	if err := c.deleteRetired(); err != nil {
		return nil, err
	}
	if err := c.roomForDead(0); err != nil { // deletes what is too old
		return nil, err
	}
	if c.shown, err = o.fs.Open(filepath.Join(o.dir, shownName), os.O_CREATE|os.O_RDWR); err != nil {
		c.shown = nil
	} else {
		fmt.Fprintf(c.shown, "%-10d\n", os.Getpid())
	}
	c.show()
	return c, nil
}

// show locks the file that a status tries, so that it can report a deliverer. The lock fails while a
// status tries it.
func (c *Claim) show() {
	if c.shown != nil && !c.shownLocked {
		c.shownLocked, _ = c.shown.TryLock()
	}
}

// held checks that the lock is still the outbox's. The directory may have been deleted, and another one
// may be in its place, with a deliverer of its own.
func (c *Claim) held() error {
	if !c.o.isLock(c.lock) {
		return ErrLost
	}
	return nil
}

// Dir returns the outbox's directory.
func (c *Claim) Dir() string { return c.o.dir }

// Release ends the claim. Beacons without an outcome stay.
func (c *Claim) Release() error {
	err := c.retire()
	for _, s := range c.open {
		s.r.close()
	}
	c.add(nil)
	c.read(nil)
	c.dead.close()
	if c.shown != nil {
		c.shown.Close()
	}
	return errors.Join(err, c.lock.Close())
}

// Missed reports, after Release, whether there are records that no Scan has seen. Their senders found the
// lock held and rely on its holder.
func (c *Claim) Missed() bool {
	names, err := listSegments(c.o.fs, c.o.dir)
	if err != nil {
		return false
	}
	for _, name := range names {
		if c.tally.retired[name] {
			continue
		}
		if info, err := os.Lstat(filepath.Join(c.o.dir, name)); err == nil && info.Size() > c.seen[name] {
			return true
		}
	}
	return false
}

// Scan calls found for each new record until found returns false; then there may be more. The record is
// valid until found returns. Damaged parts are moved to dead/ and counted. The error is [ErrLost], or
// describes segments that could not be read; the next Scan tries them again.
func (c *Claim) Scan(found func(Entry, *warc.Record) bool) (more bool, err error) {
	if err := c.held(); err != nil {
		return false, err
	}
	c.show()
	names, err := listSegments(c.o.fs, c.o.dir)
	if err != nil {
		return false, wrap("scan outbox", err)
	}
	var passedOver []error
	for _, name := range names {
		if c.tally.retired[name] {
			continue // it is counted or was never completed, and not deleted yet
		}
		more, err := c.scan(name, found)
		if more {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			passedOver = append(passedOver, fmt.Errorf("%s: %w", name, err))
		}
	}
	return false, errors.Join(append(passedOver, c.retire())...)
}

func (c *Claim) scan(name string, found func(Entry, *warc.Record) bool) (more bool, err error) {
	s, err := c.follow(name)
	if err != nil {
		if info, statErr := os.Lstat(filepath.Join(c.o.dir, name)); statErr == nil {
			c.seen[name] = info.Size()
		}
		return false, err
	}
	if s.read {
		return false, nil
	}
	if !s.adopted && !c.young(s) {
		// First the lock, then the size: so all that the writer added is seen.
		if s.adopted, err = s.r.file.TryLock(); err != nil {
			return false, wrap("lock segment", err)
		}
	}
	size, err := s.r.file.Size()
	if err != nil {
		return false, wrap("scan segment", err)
	}
	c.seen[name] = size
	if size < s.r.off {
		// Another program truncated it. Later records are found again, and those that have an outcome
		// are known by their ids.
		s.r = reader{file: s.r.file, max: outboxRecord}
	}
	for {
		it, err := s.r.next(size, s.adopted)
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
		k := keyOf(it)
		if _, done := s.ledger.done[k]; done {
			continue
		}
		s.waiting++
		if it.err != nil {
			if err := c.setAside(s, it); err != nil {
				return false, err // it stays, for the next claim
			}
			s.waiting--
			continue
		}
		if !found(Entry{ID: it.record.ID, seg: s, off: it.off, size: int(it.end - it.off)}, &it.record) {
			return true, nil
		}
	}
	if s.adopted {
		// The file is closed, because there can be more segments than files may be open.
		s.read = true
		s.r.close()
	}
	return false, nil
}

// young reports whether the segment is empty and its writer may not have locked it yet.
func (c *Claim) young(s *claimed) bool {
	if size, err := s.r.file.Size(); err != nil || size > 0 {
		return false
	}
	info, err := os.Lstat(s.path)
	return err == nil && time.Since(info.ModTime()) < youth
}

func (c *Claim) follow(name string) (*claimed, error) {
	if s := c.open[name]; s != nil {
		return s, nil
	}
	s := &claimed{number: uint32(len(c.segments)), name: name, path: filepath.Join(c.o.dir, name)}
	var err error
	if s.ledger, err = loadLedger(c.o.fs, s.path); err != nil {
		return nil, err
	}
	f, err := c.o.fs.Open(s.path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	s.r = reader{file: f, max: outboxRecord}
	c.open[name] = s
	c.segments = append(c.segments, s)
	return s, nil
}

// add returns l, which may be nil, and closes the ledger that was open.
func (c *Claim) add(l *ledger) *ledger {
	if c.adding != nil && c.adding != l {
		c.adding.close()
	}
	c.adding = l
	return l
}

// Finish writes the outcome of entries of one segment to its ledger, with one write(2). After an error the
// caller calls it again.
func (c *Claim) Finish(o Outcome, detail string, entries ...Entry) error {
	seg, _ := entries[0].at()
	keys := make([]key, len(entries))
	for i, e := range entries {
		keys[i] = key{id: e.ID}
	}
	if err := c.add(seg.ledger).finish(o, detail, keys...); err != nil {
		return err
	}
	for _, e := range entries {
		delete(c.buried, e.ID)
	}
	seg.waiting -= len(entries)
	return nil
}

func (c *Claim) setAside(s *claimed, it item) error {
	if err := c.keepRaw(s, it.off, it.raw); err != nil {
		return err
	}
	return c.add(s.ledger).finish(Corrupt, it.err.Error(), keyOf(it))
}
