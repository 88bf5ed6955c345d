package spool

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const (
	// mergeLeast is how many small segments it takes for a merge.
	mergeLeast = 256
	// smallSegment is the size in bytes below which a segment is small.
	smallSegment = 64 << 10
	// mergedSegment is the largest size in bytes of a merged segment.
	mergedSegment = 1 << 20
	// mergePause is how long Merge does nothing after an error.
	mergePause = time.Minute

	// noWriter is the process id in the name of a merged segment, which no process counts as its own.
	noWriter = 0
)

// Merge replaces many small segments of ended processes by one of at most 1 MiB, if there are at least 256.
// An outbox charges a block of the file system for each segment, and a program that sends one beacon leaves a
// segment of one record. Only records without an outcome are copied; the others are counted in the tally.
// Entries and places stay valid. The error is [ErrLost] or the disk's; then Merge does nothing for a minute.
//
// The tally makes a merge one step. It first lists the new segment as retired, so that readers ignore it and
// the next claim deletes it. When the new segment is on disk, one save removes it from that list and adds the
// small segments.
func (c *Claim) Merge() error { return c.merge(mergeLeast) }

func (c *Claim) merge(least int) error {
	if len(c.open) < least || time.Now().Before(c.mergeAt) {
		return nil
	}
	small := c.small(least)
	if len(small) < least {
		return nil
	}
	err := c.held()
	if err == nil {
		err = wrap("merge segments", c.mergeSome(small))
	}
	if err != nil {
		c.mergeAt = time.Now().Add(mergePause)
	}
	return err
}

// small returns the segments that can be merged, oldest first. It checks no process if there are fewer than
// least.
//
// A process counts its beacons by the names of its segments, and takes a deleted segment for a finished one.
// So the segments of a process that runs are left alone. A process in another container can't be seen: its
// Flush returns early if its segments are merged.
func (c *Claim) small(least int) (small []*claimed) {
	for _, s := range c.open {
		if s.read && s.waiting > 0 && !s.alone && c.seen[s.name] < smallSegment {
			small = append(small, s)
		}
	}
	if len(small) < least {
		return nil
	}
	small = slices.DeleteFunc(small, func(s *claimed) bool {
		pid, ok := writerOf(s.name)
		return !ok || alive(pid)
	})
	slices.SortFunc(small, func(a, b *claimed) int { return cmp.Compare(a.name, b.name) })
	return small
}

// writerOf returns the process id in the name of a segment.
func writerOf(name string) (pid int, ok bool) {
	if len(name) < len(nameTime) {
		return 0, false
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(name[len(nameTime):], "-"), "-")
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil
}

// mergeSome merges as many segments, from the front, as one merged segment has room for.
func (c *Claim) mergeSome(small []*claimed) error {
	m := &claimed{number: uint32(len(c.segments)), adopted: true, read: true}
	m.name = newName(small[0].name[:len(nameTime)], noWriter)
	m.path = filepath.Join(c.o.dir, m.name)
	m.ledger = &ledger{fs: c.o.fs, path: ledgerPath(m.path), done: map[key]Outcome{}}

	var content []byte
	var runs [][]run
	ids := map[uuid.UUID]bool{}
	for _, s := range small {
		if int64(len(content))+c.seen[s.name] > mergedSegment {
			break
		}
		with, moved, err := c.copyWaiting(content, s, ids)
		if err != nil {
			return err
		}
		if moved == nil {
			s.alone = true
			continue
		}
		content, runs = with, append(runs, moved)
		m.from = append(m.from, s)
		m.waiting += s.waiting
	}
	if len(m.from) < 2 {
		return nil
	}

	err := c.replace(m, content)
	if err != nil {
		c.deleteRetired() // m is; what can't be deleted now is deleted later
		return err
	}
	for i, s := range m.from {
		c.closeSegment(s)
		*s = claimed{number: s.number, from: s.from, to: m, runs: runs[i]}
	}
	c.open[m.name] = m
	c.segments = append(c.segments, m)
	c.seen[m.name] = int64(len(content)) // all of its records were found before
	return c.deleteRetired()
}

// copyWaiting appends the waiting records of a segment to content, and their ids to ids. It returns no runs
// for a segment that can't be merged: one that doesn't have the records that the claim found in it, or that
// has a record with an id of ids, because a ledger counts by ids.
func (c *Claim) copyWaiting(content []byte, s *claimed, ids map[uuid.UUID]bool) ([]byte, []run, error) {
	f, err := c.o.fs.Open(s.path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return content, nil, nil
	}
	if err != nil {
		s.alone = true
		return content, nil, err
	}
	b := make([]byte, c.seen[s.name])
	n, err := f.ReadAt(b, 0)
	f.Close()
	if err != nil && err != io.EOF {
		s.alone = true
		return content, nil, err
	}
	var runs []run
	var found []uuid.UUID
	with := content
	for off, end := 0, 0; ; off = end {
		record, size, err := warc.Parse(b[off:n])
		if err != nil {
			break // the end, or damage: then the count shows whether records follow it
		}
		end = off + size
		if _, done := s.ledger.done[key{id: record.ID}]; done {
			continue
		}
		if ids[record.ID] || slices.Contains(found, record.ID) {
			return content, nil, nil
		}
		found = append(found, record.ID)
		to := int64(len(with))
		if len(runs) == 0 || to-runs[len(runs)-1].to != int64(off)-runs[len(runs)-1].from {
			runs = append(runs, run{int64(off), to})
		}
		with = append(with, b[off:end]...)
	}
	if len(found) != s.waiting {
		return content, nil, nil
	}
	for _, id := range found {
		ids[id] = true
	}
	return with, runs, nil
}

// replace writes the segment m and makes it take the place of the segments it was merged from. After an
// error those count, and m is retired.
func (c *Claim) replace(m *claimed, content []byte) error {
	next := c.tally.clone()
	next.retired[m.name] = true
	if err := c.saveTally(next); err != nil {
		return err
	}
	if err := c.syncTally(); err != nil {
		return err
	}
	s, err := createSegment(c.o.fs, c.o.dir, m.name)
	if err != nil {
		return err
	}
	_, err = s.file.Write(content)
	if err == nil {
		err = s.file.Sync()
	}
	if closeErr := s.file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = c.o.fs.SyncDir(c.o.dir)
	}
	if err != nil {
		return err
	}
	next = c.tally.clone()
	delete(next.retired, m.name)
	return c.count(next, m.from)
}

// A run is a stretch of records that were copied together: where it began, and where it begins now.
type run struct{ from, to int64 }

// at returns where the entry's record is now: segments that were merged are followed to the new one.
func (e Entry) at() (s *claimed, off int64) {
	for s, off = e.seg, e.off; s.to != nil; s = s.to {
		after := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].from > off })
		r := s.runs[max(after-1, 0)]
		off += r.to - r.from
	}
	return s, off
}
