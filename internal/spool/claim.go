package spool

import (
	"encoding/binary"
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

// An Entry is a record that waits for its outcome.
type Entry struct {
	ID   uuid.UUID
	seg  *claimed
	off  int64
	size int
}

// A Place is an entry in 16 bytes, for the many that wait. It is valid within its claim.
type Place struct {
	segment, off, size uint32
	check              uint32 // the end of the record's id
}

// Place returns the entry's place.
func (e Entry) Place() Place {
	return Place{e.seg.number, uint32(e.off), uint32(e.size), Check(e.ID)}
}

// Check returns the part of the record's id that the place has.
func (p Place) Check() uint32 { return p.check }

// Check returns the part of an id that the place of its record has.
func Check(id uuid.UUID) uint32 { return binary.BigEndian.Uint32(id[12:]) }

// Before reports whether p comes before q. Places of one segment are in the order of its records, and
// segments in the order in which they were found.
func (p Place) Before(q Place) bool {
	return p.segment < q.segment || p.segment == q.segment && p.off < q.off
}

// Len returns the size of the record in bytes.
func (p Place) Len() int { return int(p.size) }

// Take returns the entry and the record of a place. After an error the entry has no ID.
func (c *Claim) Take(p Place) (Entry, warc.Record, error) {
	e := Entry{seg: c.segments[p.segment], off: int64(p.off), size: int(p.size)}
	b, err := c.raw(e)
	if err != nil {
		return e, warc.Record{}, err
	}
	record, _, err := warc.Parse(b)
	if err == nil && Check(record.ID) != p.check {
		err = &warc.CorruptError{Reason: "another record stands in its place"}
	}
	if err != nil {
		return e, warc.Record{}, err
	}
	e.ID = record.ID
	return e, record, nil
}

// Beside reports whether two entries are in the same segment.
func (e Entry) Beside(other Entry) bool {
	s, _ := e.at()
	o, _ := other.at()
	return s == o
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

func (c *Claim) raw(e Entry) ([]byte, error) {
	seg, off := e.at()
	if err := c.read(seg); err != nil {
		return nil, wrap("open segment", err)
	}
	b := make([]byte, e.size)
	// Bytes of the buffer are used once, so that a record is read again for each attempt.
	if skip := off - c.aheadOff; skip >= 0 && skip+int64(e.size) <= int64(len(c.ahead)) {
		c.ahead, c.aheadOff = c.ahead[skip:], off
	} else {
		size := e.size
		if skip >= 0 && skip <= int64(len(c.ahead)) { // in the order of the segment
			size = max(size, readAhead)
		}
		c.buffer = slices.Grow(c.buffer[:0], size)[:size]
		n, err := c.readingFile.ReadAt(c.buffer, off)
		c.ahead, c.aheadOff = c.buffer[:n], off
		if n < e.size {
			b = b[:copy(b, c.ahead)]
			if err == io.EOF {
				err = &warc.CorruptError{Reason: "its segment was cut short"}
			}
			return b, wrap("read segment", err)
		}
	}
	copy(b, c.ahead)
	c.ahead, c.aheadOff = c.ahead[e.size:], off+int64(e.size)
	return b, nil
}

// read opens s, which may be nil, and closes the segment that was open.
func (c *Claim) read(s *claimed) (err error) {
	if c.reading == s {
		return nil
	}
	if c.reading != nil {
		c.readingFile.Close()
		c.reading = nil
		c.ahead = nil
	}
	if s != nil {
		if c.readingFile, err = c.o.fs.Open(s.path, os.O_RDONLY); err == nil {
			c.reading = s
		}
	}
	return err
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

// keepRaw stores the bytes of a damaged record in dead/.
func (c *Claim) keepRaw(s *claimed, off int64, raw []byte) error {
	if err := c.roomForDead(int64(len(raw))); err != nil {
		return err
	}
	name := fmt.Sprintf("%s@%d.corrupt", strings.TrimSuffix(s.name, segmentExt), off)
	return wrap("set damaged record aside", replaceFile(c.o.fs, filepath.Join(c.o.dir, deadName, name), raw))
}
