package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// ErrLost says that the outbox was deleted or replaced under its deliverer.
var ErrLost = errors.New("outbox is no longer the one that was claimed")

// A Claim is the outbox in the hands of its deliverer, the one holder of its lock, who
// alone reads records, writes ledgers and deletes segments. It is for one goroutine.
type Claim struct {
	o     *Outbox
	lock  *os.File
	open  map[string]*claimed
	seen  map[string]int64 // the segments' sizes at the last Scan
	tally tallyFile

	shown       file // locked while the claim lasts, for a status to see
	shownLocked bool

	dead   *writer
	buried map[uuid.UUID]bool // in dead, but perhaps not in the ledger yet

	// The segment that was read from last and the ledger that was added to last stay
	// open: of hundreds of segments these are in use.
	reading     *claimed
	readingFile file
	adding      *ledger
}

// claimed is a segment as the deliverer follows it.
type claimed struct {
	name    string
	path    string
	r       reader
	ledger  *ledger
	waiting int  // records without an outcome
	adopted bool // its writer is gone: nothing will be added
	read    bool // and all of it was read
}

// An Entry is a record that waits for its outcome, by its place.
type Entry struct {
	ID   uuid.UUID
	seg  *claimed
	off  int64
	size int
}

// Beside says whether two entries stand in the same segment.
func (e Entry) Beside(other Entry) bool { return e.seg == other.seg }

// Claim makes the holder of the outbox's lock its deliverer. Release gives the lock up.
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
	if err := c.deleteRetired(); err != nil {
		return nil, err
	}
	if c.shown, err = o.fs.Open(filepath.Join(o.dir, shownName), os.O_CREATE|os.O_RDWR); err != nil {
		c.shown = nil
	}
	c.show()
	return c, nil
}

// show says to a status that somebody delivers. One that looks just now is in the way.
func (c *Claim) show() {
	if c.shown != nil && !c.shownLocked {
		c.shownLocked, _ = c.shown.TryLock()
	}
}

// held makes sure that the lock is the outbox's: the directory may have been deleted, and
// another one made in its place, with a deliverer of its own.
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

// Missed says, after Release, whether there are records that no Scan has seen: their
// senders found the lock held, and count on its holder.
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

// Scan calls found for every record that it has not shown yet, until found returns false;
// then there may be more. The record is valid until found returns. Damaged stretches are
// set aside in dead/ and counted. The error is [ErrLost], or tells of segments that were
// passed over and are looked at again by the next Scan.
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
			continue // it is counted, and could not be deleted yet
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
		// First the lock, then the size: what a writer added before it went is seen.
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
		// Somebody cut it short under its writer: what came since is to be found, and
		// what has its outcome is known by its id.
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
		// An adopted segment is read once and then record by record; there can be
		// more of them than files may be open.
		s.read = true
		s.r.close()
	}
	return false, nil
}

// young says whether the segment is empty and may be about to get its writer's lock.
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
	s := &claimed{name: name, path: filepath.Join(c.o.dir, name)}
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
	return s, nil
}

// Read returns the record of an entry.
func (c *Claim) Read(e Entry) (warc.Record, error) {
	b, err := c.raw(e)
	if err != nil {
		return warc.Record{}, err
	}
	record, _, err := warc.Parse(b)
	if err == nil && record.ID != e.ID {
		err = &warc.CorruptError{Reason: "another record stands in its place"}
	}
	return record, err
}

func (c *Claim) raw(e Entry) ([]byte, error) {
	if err := c.read(e.seg); err != nil {
		return nil, wrap("open segment", err)
	}
	b := make([]byte, e.size)
	n, err := c.readingFile.ReadAt(b, e.off)
	if err == io.EOF {
		err = &warc.CorruptError{Reason: "its segment was cut short"}
	}
	return b[:n], wrap("read segment", err)
}

// read makes s, which may be nil, the segment that is open.
func (c *Claim) read(s *claimed) (err error) {
	if c.reading == s {
		return nil
	}
	if c.reading != nil {
		c.readingFile.Close()
		c.reading = nil
	}
	if s != nil {
		if c.readingFile, err = c.o.fs.Open(s.path, os.O_RDONLY); err == nil {
			c.reading = s
		}
	}
	return err
}

// add makes l, which may be nil, the ledger that is open.
func (c *Claim) add(l *ledger) *ledger {
	if c.adding != nil && c.adding != l {
		c.adding.close()
	}
	c.adding = l
	return l
}

// Finish writes the outcome of entries that stand together to their ledger, in one
// write(2). After an error it is to be called again.
func (c *Claim) Finish(o Outcome, detail string, entries ...Entry) error {
	seg := entries[0].seg
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

// retire counts and deletes the segments whose writer is gone and whose records are
// all finished. First the dead are on disk, then the count, then the segments go.
func (c *Claim) retire() error {
	var finished []*claimed
	for _, s := range c.open {
		if s.read && s.waiting == 0 {
			finished = append(finished, s)
		}
	}
	if len(finished) == 0 {
		return c.deleteRetired()
	}
	if err := c.dead.sync(); err != nil {
		return wrap("retire segments", err)
	}
	next := tallyFile{counts: maps.Clone(c.tally.counts), retired: maps.Clone(c.tally.retired)}
	for _, s := range finished {
		for _, o := range s.ledger.done {
			next.counts[o]++
		}
		next.retired[s.name] = true
	}
	if err := next.save(c.o.fs, c.o.dir); err != nil {
		return err
	}
	c.tally = next
	for _, s := range finished {
		if c.adding == s.ledger {
			c.add(nil)
		}
		if c.reading == s {
			c.read(nil)
		}
		delete(c.open, s.name)
		delete(c.seen, s.name)
	}
	return c.deleteRetired()
}

func (c *Claim) deleteRetired() error {
	for name := range c.tally.retired {
		path := filepath.Join(c.o.dir, name)
		for _, p := range []string{path, ledgerPath(path)} {
			if err := c.o.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return wrap("delete finished segment", err)
			}
		}
		delete(c.tally.retired, name)
	}
	return nil
}

// keepRaw keeps the bytes of a damaged record.
func (c *Claim) keepRaw(s *claimed, off int64, raw []byte) error {
	if err := c.roomForDead(int64(len(raw))); err != nil {
		return err
	}
	name := fmt.Sprintf("%s@%d.corrupt", strings.TrimSuffix(s.name, segmentExt), off)
	return wrap("set damaged record aside", replaceFile(c.o.fs, filepath.Join(c.o.dir, deadName, name), raw))
}
