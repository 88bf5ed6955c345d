package spool

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// outcomeField is the extension field of a dead record with the reason.
const outcomeField = "Beacon-Outcome"

// maxDead bounds the folder dead/, in bytes. Over it the oldest of the dead make room:
// they were counted, and a server that refuses everything must not end the outbox.
const maxDead = 16 << 20

// Bury keeps the record in dead/ with the reason and writes the outcome to the ledger.
// A deliverer that is killed between the two buries it twice; the ledger counts once.
func (c *Claim) Bury(e Entry, r warc.Record, o Outcome, detail string) error {
	if !c.buried[e.ID] {
		r.Extra = append(warc.Fields{{Name: outcomeField, Value: outcomeText(o, detail)}}, r.Extra...)
		b, err := r.Append(nil)
		if err == nil {
			err = c.roomForDead(int64(len(b)))
		}
		if err == nil {
			_, err = c.dead.append(b, 1, false)
		}
		if err != nil {
			return wrap("bury beacon", err)
		}
		c.buried[e.ID] = true
	}
	return c.Finish(o, detail, e)
}

// BuryDamaged is Bury for an entry whose record can't be read any more.
func (c *Claim) BuryDamaged(e Entry, damage error) error {
	raw, err := c.raw(e)
	var cut *warc.CorruptError
	if err != nil && !errors.As(err, &cut) {
		return err
	}
	if err := c.keepRaw(e.seg, e.off, raw); err != nil {
		return err
	}
	// By its place, as it has no id any more for who reads the segment next.
	if err := c.add(e.seg.ledger).finish(Corrupt, damage.Error(), key{off: e.off}); err != nil {
		return err
	}
	e.seg.waiting--
	return nil
}

// roomForDead makes the folder if somebody deleted it, and room in it.
func (c *Claim) roomForDead(n int64) error {
	dir := filepath.Join(c.o.dir, deadName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files, err := c.deadFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		n += f.Size()
	}
	for _, f := range files {
		if n <= maxDead {
			break
		}
		if err := c.o.fs.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		n -= f.Size()
	}
	return nil
}

// deadFiles are the files in dead/, oldest first.
func (c *Claim) deadFiles() (files []os.FileInfo, err error) {
	entries, err := c.o.fs.ReadDir(filepath.Join(c.o.dir, deadName))
	if err != nil {
		return nil, wrap("look at the dead", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return cmp.Compare(a.Name(), b.Name()) })
	return files, nil
}

// Revive puts the records in dead/ back into the outbox, each as change leaves it, and
// returns how many. What was damaged stays. The beacons count as pending again.
func (c *Claim) Revive(change func(*warc.Record)) (n int, err error) {
	if err := c.dead.next(); err != nil {
		return 0, err
	}
	names, err := listSegments(c.o.fs, filepath.Join(c.o.dir, deadName))
	if err != nil {
		return 0, wrap("look at the dead", err)
	}
	back := newWriter(c.o.fs, c.o.dir, 1<<20)
	defer back.close()
	seen := map[uuid.UUID]bool{} // one that was buried twice is one
	for _, name := range names {
		path := filepath.Join(c.o.dir, deadName, name)
		were, err := c.reviveFile(path, change, back, seen)
		if err != nil {
			return n, err
		}
		// Killed here, a beacon is back and still in dead/: it is delivered under the
		// same key if it is revived again, but counted once more.
		for o, count := range were {
			c.tally.counts[o] -= count
			n += int(count)
		}
		if err := c.tally.save(c.o.fs, c.o.dir); err != nil {
			return n, err
		}
		if err := c.o.fs.Remove(path); err != nil {
			return n, wrap("delete revived beacons", err)
		}
	}
	return n, nil
}

func (c *Claim) reviveFile(path string, change func(*warc.Record), to *writer, seen map[uuid.UUID]bool) (Tally, error) {
	f, err := c.o.fs.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, wrap("read dead beacons", err)
	}
	defer f.Close()
	size, err := f.Size()
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
		if it.err != nil || seen[it.record.ID] {
			continue
		}
		seen[it.record.ID] = true
		word, _, _ := strings.Cut(it.record.Extra.Get(outcomeField), " ")
		change(&it.record)
		it.record.Extra = it.record.Extra.Without(outcomeField)
		b, err := it.record.Append(nil)
		if err == nil {
			_, err = to.append(b, 1, true)
		}
		if err != nil {
			return nil, wrap("revive beacon", err)
		}
		were[Outcome(word)]++
	}
}

// DropDead deletes what is in dead/ and returns how many files that were. The beacons
// stay counted.
func (c *Claim) DropDead() (n int, err error) {
	if err := c.dead.next(); err != nil {
		return 0, err
	}
	files, err := c.deadFiles()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if err := c.o.fs.Remove(filepath.Join(c.o.dir, deadName, f.Name())); err != nil {
			return n, wrap("delete dead beacons", err)
		}
		n++
	}
	return n, nil
}
