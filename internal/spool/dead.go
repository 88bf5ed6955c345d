package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// outcomeField is the extension field of a record in dead/ with its outcome and the reason.
const outcomeField = "Beacon-Outcome"

// maxDead and deadAge bound the folder dead/: in bytes, beyond which the oldest files are deleted, and by
// age. Their beacons stay counted.
const (
	maxDead = 16 << 20
	deadAge = 30 * 24 * time.Hour
)

// Bury writes the record with the reason to dead/, and the outcome to the ledger. A deliverer that is killed
// between the two writes the record twice; the ledger counts it once.
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

// BuryDamaged is Bury for an entry whose record can't be read.
func (c *Claim) BuryDamaged(e Entry, damage error) error {
	raw, err := c.raw(e)
	var cut *warc.CorruptError
	if err != nil && !errors.As(err, &cut) {
		return err
	}
	seg, off := e.at()
	if err := c.keepRaw(seg, off, raw); err != nil {
		return err
	}
	// Its place is its key, because the next deliverer can't read its id.
	if err := c.add(seg.ledger).finish(Corrupt, damage.Error(), key{off: off}); err != nil {
		return err
	}
	seg.waiting--
	return nil
}

// roomForDead makes the folder, if it was deleted, and room for n bytes in it. It deletes files over deadAge.
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
		if n <= maxDead && time.Since(f.ModTime()) < deadAge {
			continue
		}
		if err := c.o.fs.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		n -= f.Size()
	}
	return nil
}

// deadFiles returns the files in dead/, oldest first.
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

// Revive puts the records in dead/ back into the outbox, each as change leaves it, and returns how many.
// Damaged ones stay. The beacons count as pending again.
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
		// After a kill here a beacon waits and is still in dead/. If it is put back again, it is delivered
		// under the same key, and counted once more.
		for o, count := range were {
			c.tally.counts[o] -= count
			n += int(count)
		}
		if err := errors.Join(c.saveTally(c.tally), c.syncTally()); err != nil {
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

// DropDead deletes the files in dead/ and returns how many beacons they had. The beacons stay counted.
func (c *Claim) DropDead() (n int, err error) {
	if err := c.dead.next(); err != nil {
		return 0, err
	}
	files, err := c.deadFiles()
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		path, beacons := filepath.Join(c.o.dir, deadName, f.Name()), 0
		if isSegment(f.Name()) {
			listSegment(c.o.fs, path, false, func(*Listed) bool { beacons++; return true })
		} else {
			beacons = 1 // a damaged record
		}
		if err := c.o.fs.Remove(path); err != nil {
			return n, wrap("delete dead beacons", err)
		}
		n += beacons
	}
	return n, nil
}

// DropDeadIDs deletes the records with these ids from dead/, and returns how many those were. They stay
// counted as what they were.
func (c *Claim) DropDeadIDs(ids []uuid.UUID) (n int, err error) {
	if err := c.dead.next(); err != nil {
		return 0, err
	}
	dir := filepath.Join(c.o.dir, deadName)
	names, err := listSegments(c.o.fs, dir)
	if err != nil {
		return 0, wrap("list dead/", err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		var kept []byte
		var failed error
		found := 0
		_, err := listSegment(c.o.fs, path, false, func(l *Listed) bool {
			if slices.Contains(ids, l.Record.ID) {
				found++
				return true
			}
			kept, failed = l.Record.Append(kept)
			return failed == nil
		})
		switch err = errors.Join(err, failed); {
		case err != nil || found == 0:
		case len(kept) == 0:
			err = c.o.fs.Remove(path)
		default:
			err = replaceFile(c.o.fs, path, kept)
		}
		if err != nil {
			return n, wrap("delete from dead/", err)
		}
		n += found
	}
	return n, nil
}

// keepRaw stores the bytes of a damaged record in dead/.
func (c *Claim) keepRaw(s *claimed, off int64, raw []byte) error {
	if err := c.roomForDead(int64(len(raw))); err != nil {
		return err
	}
	name := fmt.Sprintf("%s@%d.corrupt", strings.TrimSuffix(s.name, segmentExt), off)
	return wrap("set damaged record aside", replaceFile(c.o.fs, filepath.Join(c.o.dir, deadName, name), raw))
}
