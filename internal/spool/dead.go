package spool

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// Revive puts the records in dead/ back into the outbox, each as change leaves it, and
// returns how many. What was damaged stays. The beacons count as pending again.
func (c *Claim) Revive(change func(*warc.Record)) (n int, err error) {
	dir := filepath.Join(c.dir, deadName)
	if err := c.dead.close(); err != nil {
		return 0, err
	}
	names, err := listSegments(c.fs, dir)
	if err != nil {
		return 0, wrap("read dead beacons", err)
	}
	back := newWriter(c.fs, c.dir, 1<<20, true)
	defer back.close()
	for _, name := range names {
		path := filepath.Join(dir, name)
		were, err := c.reviveFile(path, change, back)
		if err != nil {
			return n, err
		}
		// Killed here, a beacon is back and still in dead/: it is delivered under the
		// same key if it is revived again, but counted once more.
		for o, count := range were {
			c.tally.counts[o] -= count
			n += int(count)
		}
		if err := c.tally.save(c.fs, c.dir); err != nil {
			return n, err
		}
		if err := c.fs.Remove(path); err != nil {
			return n, wrap("delete revived beacons", err)
		}
	}
	return n, nil
}

func (c *Claim) reviveFile(path string, change func(*warc.Record), to *writer) (Tally, error) {
	f, err := c.fs.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, wrap("read dead beacons", err)
	}
	defer f.Close()
	size, _, err := f.Stat()
	if err != nil {
		return nil, wrap("read dead beacons", err)
	}
	r, were := reader{file: f, max: outboxRecord}, Tally{}
	for {
		it, err := r.next(size, true)
		if err == io.EOF {
			return were, nil
		}
		if err != nil {
			return nil, err
		}
		if it.err != nil {
			continue
		}
		word, _, _ := strings.Cut(it.record.Extra.Get(outcomeField), " ")
		change(&it.record)
		it.record.Extra = it.record.Extra.Without(outcomeField)
		b, err := it.record.Append(nil)
		if err == nil {
			_, _, err = to.append(b)
		}
		if err != nil {
			return nil, wrap("revive beacon", err)
		}
		were[Outcome(word)]++
	}
}

// DropDead deletes what is in dead/ and returns how many files that were. The beacons
// stay counted.
func (c *Claim) DropDead() (files int, err error) {
	if err := c.dead.close(); err != nil {
		return 0, err
	}
	dir := filepath.Join(c.dir, deadName)
	entries, err := c.fs.ReadDir(dir)
	if err != nil {
		return 0, wrap("read dead beacons", err)
	}
	for _, e := range entries {
		if err := c.fs.Remove(filepath.Join(dir, e.Name())); err != nil {
			return files, wrap("delete dead beacons", err)
		}
		files++
	}
	return files, nil
}
