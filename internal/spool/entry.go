package spool

import (
	"encoding/binary"
	"io"
	"os"
	"slices"

	"github.com/google/uuid"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

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
