package spool

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// retire counts and deletes the segments whose writer has ended and whose records all have an outcome. It
// first syncs dead/, then the counts, and then deletes the segments.
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
	if err := c.count(c.tally.clone(), finished); err != nil {
		return err
	}
	for _, s := range finished {
		c.closeSegment(s)
		c.freeNumbers(s)
	}
	return c.deleteRetired()
}

// count syncs dead/, adds the outcomes of the segments to next, marks them as retired there, and saves it.
func (c *Claim) count(next tallyFile, segments []*claimed) error {
	if err := c.dead.sync(); err != nil {
		return wrap("retire segments", err)
	}
	for _, s := range segments {
		for _, o := range s.ledger.done {
			next.counts[o]++
		}
		next.retired[s.name] = true
	}
	return c.saveTally(next)
}

// closeSegment closes the files of a segment that is retired.
func (c *Claim) closeSegment(s *claimed) {
	if c.adding == s.ledger {
		c.add(nil)
	}
	if c.reading == s {
		c.read(nil)
	}
	delete(c.open, s.name)
	delete(c.seen, s.name)
}

// freeNumbers frees the numbers of a segment and of those that were merged into it.
func (c *Claim) freeNumbers(s *claimed) {
	c.segments[s.number] = nil
	for _, merged := range s.from {
		c.freeNumbers(merged)
	}
}

// saveTally replaces the tally. After an error the file is as it was.
func (c *Claim) saveTally(next tallyFile) error {
	// A holder that was stopped finds out here that another process has replaced its lock. If it is stopped
	// between this check and the rename, it undoes what that process has counted.
	if err := next.save(c.o.fs, c.o.dir, c.held); err != nil {
		return err
	}
	c.tally, c.unsynced = next, true
	return nil
}

func (c *Claim) syncTally() error {
	if c.unsynced {
		if err := c.o.fs.SyncDir(c.o.dir); err != nil {
			return wrap("sync tally", err)
		}
		c.unsynced = false
	}
	return nil
}

// deleteRetired deletes the segments that the tally lists as retired.
func (c *Claim) deleteRetired() error {
	if len(c.tally.retired) == 0 {
		return nil
	}
	if err := c.syncTally(); err != nil {
		return err
	}
segments:
	for name := range c.tally.retired {
		path := filepath.Join(c.o.dir, name)
		for _, p := range []string{path, ledgerPath(path)} {
			if err := c.o.fs.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
				if isOpen(err) {
					continue segments
				}
				return wrap("delete finished segment", err)
			}
		}
		delete(c.tally.retired, name)
	}
	return nil
}
