package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A Claim is the outbox in the hands of its deliverer, the one holder of its lock, who
// alone reads records, writes ledgers and deletes segments. Scan is for one goroutine;
// Read, Finish and Bury are safe for concurrent use.
type Claim struct {
	dir  string
	fs   fileSystem
	lock *os.File

	mu    sync.Mutex
	open  map[string]*claimed
	tally tallyFile
	dead  *writer
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
	c.dead.close()
	return errors.Join(err, c.lock.Close())
}

// Scan calls found for every record that it has not shown yet. The record is valid
// until found returns. Damaged stretches are set aside in dead/ and counted.
func (c *Claim) Scan(found func(Entry, *warc.Record)) error {
	names, err := listSegments(c.fs, c.dir)
	if err != nil {
		return wrap("scan outbox", err)
	}
	for _, name := range names {
		if err := c.scan(name, found); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return c.retire()
}

func (c *Claim) scan(name string, found func(Entry, *warc.Record)) error {
	s, err := c.follow(name)
	if err != nil || s.read {
		return err
	}
	if !s.adopted {
		// First the lock, then the size: what a writer added before it went is seen.
		if s.adopted, err = s.r.file.TryLock(); err != nil {
			return wrap("lock segment", err)
		}
	}
	size, _, err := s.r.file.Stat()
	if err != nil {
		return wrap("scan segment", err)
	}
	for {
		it, err := s.r.next(size, s.adopted)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		k := keyOf(it)
		if _, done := s.ledger.done[k]; done {
			continue
		}
		if it.err != nil {
			if err := c.setAside(s, it); err != nil {
				return err
			}
			continue
		}
		c.mu.Lock()
		s.waiting++
		c.mu.Unlock()
		found(Entry{ID: it.record.ID, seg: s, off: it.off, size: int(it.end - it.off)}, &it.record)
	}
	if s.adopted {
		// An adopted segment is read once and then record by record; there can be
		// more of them than files may be open.
		s.read = true
		s.r.close()
	}
	return nil
}

func (c *Claim) follow(name string) (*claimed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
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
	f, err := c.fs.Open(e.seg.path, os.O_RDONLY)
	if err != nil {
		return warc.Record{}, wrap("open segment", err)
	}
	defer f.Close()
	return readRecord(f, e.off, e.size)
}

// Finish writes the entry's outcome to the ledger.
func (c *Claim) Finish(e Entry, o Outcome, detail string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := e.seg.ledger.finish(key{id: e.ID}, o, detail); err != nil {
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
	f, err := c.fs.Open(e.seg.path, os.O_RDONLY)
	if err != nil {
		return wrap("open segment", err)
	}
	defer f.Close()
	raw := make([]byte, e.size)
	if _, err := f.ReadAt(raw, e.off); err != nil {
		return wrap("read segment", err)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.ledger.finish(keyOf(it), Corrupt, it.err.Error())
}

func (c *Claim) keepRaw(s *claimed, off int64, raw []byte) error {
	name := fmt.Sprintf("%s@%d.corrupt", strings.TrimSuffix(s.name, segmentExt), off)
	return wrap("set damaged record aside", replaceFile(c.fs, filepath.Join(c.dir, deadName, name), raw))
}

// retire counts and deletes the segments whose writer is gone and whose records are
// all finished.
func (c *Claim) retire() error {
	c.mu.Lock()
	defer c.mu.Unlock()
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
