package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A Claim is the outbox in the hands of its deliverer, the one holder of its lock, who
// alone reads records, writes ledgers and deletes segments. It is for one goroutine.
type Claim struct {
	dir   string
	fs    fileSystem
	lock  *os.File
	open  map[string]*claimed
	tally tallyFile
	dead  *writer

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
	waiting int  // records handed out and not finished
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

// Claim makes the holder of the outbox's lock its deliverer. Release gives the lock up.
func (o *Outbox) Claim(lock *os.File) (*Claim, error) { return claimOutbox(o.fs, o.dir, lock) }

// ClaimDir is Claim for a process that only delivers, such as one that was handed the
// lock.
func ClaimDir(dir string, lock *os.File) (*Claim, error) { return claimOutbox(osFS{}, dir, lock) }

func claimOutbox(fsys fileSystem, dir string, lock *os.File) (*Claim, error) {
	c := &Claim{dir: dir, fs: fsys, lock: lock, open: map[string]*claimed{}}
	c.dead = newWriter(fsys, filepath.Join(dir, deadName), 1<<20, false)
	var err error
	if c.tally, err = loadTally(fsys, dir); err != nil {
		return nil, err
	}
	if err := c.deleteRetired(); err != nil {
		return nil, err
	}
	sweepUnfinished(fsys, dir)
	sweepUnfinished(fsys, filepath.Join(dir, deadName))
	return c, nil
}

// Release ends the claim. Beacons without an outcome stay.
func (c *Claim) Release() error {
	err := c.retire()
	for _, s := range c.open {
		s.r.close()
	}
	c.add(nil)
	c.read(nil)
	c.dead.close()
	return errors.Join(err, c.lock.Close())
}

// Scan calls found for every record that it has not shown yet, until found returns false;
// then there may be more. The record is valid until found returns. Damaged stretches are
// set aside in dead/ and counted.
func (c *Claim) Scan(found func(Entry, *warc.Record) bool) (more bool, err error) {
	names, err := listSegments(c.fs, c.dir)
	if err != nil {
		return false, wrap("scan outbox", err)
	}
	for _, name := range names {
		more, err := c.scan(name, found)
		if more || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return more, err
		}
	}
	return false, c.retire()
}

func (c *Claim) scan(name string, found func(Entry, *warc.Record) bool) (more bool, err error) {
	s, err := c.follow(name)
	if err != nil || s.read {
		return false, err
	}
	if !s.adopted {
		// First the lock, then the size: what a writer added before it went is seen.
		if s.adopted, err = s.r.file.TryLock(); err != nil {
			return false, wrap("lock segment", err)
		}
	}
	size, _, err := s.r.file.Stat()
	if err != nil {
		return false, wrap("scan segment", err)
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
		if it.err != nil {
			if err := c.setAside(s, it); err != nil {
				return false, err
			}
			continue
		}
		s.waiting++
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

func (c *Claim) follow(name string) (*claimed, error) {
	if s := c.open[name]; s != nil {
		return s, nil
	}
	s := &claimed{name: name, path: filepath.Join(c.dir, name)}
	var err error
	if s.ledger, err = loadLedger(c.fs, s.path); err != nil {
		return nil, err
	}
	f, err := c.fs.Open(s.path, os.O_RDWR)
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
	return record, err
}

func (c *Claim) raw(e Entry) ([]byte, error) {
	if err := c.read(e.seg); err != nil {
		return nil, wrap("open segment", err)
	}
	b := make([]byte, e.size)
	_, err := c.readingFile.ReadAt(b, e.off)
	return b, wrap("read segment", err)
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
		if c.readingFile, err = c.fs.Open(s.path, os.O_RDONLY); err == nil {
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

// Finish writes the entry's outcome to the ledger.
func (c *Claim) Finish(e Entry, o Outcome, detail string) error {
	if err := c.add(e.seg.ledger).finish(key{id: e.ID}, o, detail); err != nil {
		return err
	}
	e.seg.waiting--
	return nil
}

// outcomeField is the extension field of a dead record with the reason.
const outcomeField = "Beacon-Outcome"

// Bury keeps the record in dead/ with the reason and writes the outcome to the ledger.
// A deliverer that is killed between the two buries it twice; the ledger counts once.
func (c *Claim) Bury(e Entry, r warc.Record, o Outcome, detail string) error {
	r.Extra = append(warc.Fields{{Name: outcomeField, Value: outcomeText(o, detail)}}, r.Extra...)
	b, err := r.Append(nil)
	if err == nil {
		_, _, err = c.dead.append(b)
	}
	if err != nil {
		return wrap("bury beacon", err)
	}
	return c.Finish(e, o, detail)
}

// Dir returns the outbox's directory.
func (c *Claim) Dir() string { return c.dir }

// BuryDamaged is Bury for an entry whose record can't be read any more.
func (c *Claim) BuryDamaged(e Entry, damage error) error {
	raw, err := c.raw(e)
	if err != nil {
		return err
	}
	if err := c.keepRaw(e.seg, e.off, raw); err != nil {
		return err
	}
	return c.Finish(e, Corrupt, damage.Error())
}

func (c *Claim) setAside(s *claimed, it item) error {
	if err := c.keepRaw(s, it.off, it.raw); err != nil {
		return err
	}
	return c.add(s.ledger).finish(keyOf(it), Corrupt, it.err.Error())
}

func (c *Claim) keepRaw(s *claimed, off int64, raw []byte) error {
	name := fmt.Sprintf("%s@%d.corrupt", strings.TrimSuffix(s.name, segmentExt), off)
	return wrap("set damaged record aside", replaceFile(c.fs, filepath.Join(c.dir, deadName, name), raw))
}

// retire counts and deletes the segments whose writer is gone and whose records are
// all finished.
func (c *Claim) retire() error {
	var finished []*claimed
	for _, s := range c.open {
		if s.read && s.waiting == 0 {
			finished = append(finished, s)
		}
	}
	if len(finished) == 0 {
		return nil
	}
	for _, s := range finished {
		for _, o := range s.ledger.done {
			c.tally.counts[o]++
		}
		c.tally.retired[s.name] = true
		if c.adding == s.ledger {
			c.add(nil)
		}
		if c.reading == s {
			c.read(nil)
		}
		delete(c.open, s.name)
	}
	if err := c.tally.save(c.fs, c.dir); err != nil {
		return err
	}
	return c.deleteRetired()
}

func (c *Claim) deleteRetired() error {
	for name := range c.tally.retired {
		path := filepath.Join(c.dir, name)
		for _, p := range []string{path, ledgerPath(path)} {
			if err := c.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return wrap("delete finished segment", err)
			}
		}
		delete(c.tally.retired, name)
	}
	return nil
}
