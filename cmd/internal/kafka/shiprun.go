package kafka

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// recordCharge is what a record takes in memory besides its bytes: the library's structs.
	recordCharge = 400
	// readPause is how long the shipping waits after the inbox could not be read.
	readPause = time.Second
)

// A part is a record in Shipper.data: its id, and behind that its bytes.
type part struct {
	from, to int
	date     time.Time
	headers  []kgo.RecordHeader
	at       spool.Cursor
}

// run reads the inbox and produces its records until ctx is done, or the Shipper is closing and all is
// acknowledged.
func (s *Shipper) run(ctx context.Context) {
	s.begin(ctx)
	for ctx.Err() == nil {
		if s.window.hasFailed() {
			s.recover(ctx)
			continue
		}
		empty, waited := s.window.isEmpty()
		if !empty && s.window.room() < chunkBytes || s.total-s.saved.Load() > mostUnsaved-chunkBytes {
			s.pause(ctx, nil, 0)
			continue
		}
		var end spool.Cursor
		if empty && waited {
			end, _ = s.in.End() // else the zero Cursor, before which nothing is
		}
		added := s.in.Added() // before the read: records that come after it wake the shipping
		mark := s.lag.mark(s.in)
		c, err := s.read()
		if c != nil {
			s.produce(ctx, c)
		}
		switch {
		case err == io.EOF:
			s.lag.atEnd(mark)
			if c != nil {
				continue
			}
			if empty {
				s.window.reach(end)
				if s.isClosing() {
					return
				}
			}
			s.pause(ctx, added, 0)
		case err != nil:
			s.state.failed(err)
			if s.refused.isNew(err.Error(), time.Now()) {
				s.log.Error("inbox can't be shipped now, it is retried", "error", err)
			}
			s.reader.Close()
			s.reader = s.in.Reader(s.cursor)
			s.pause(ctx, nil, readPause)
		}
	}
}

func (s *Shipper) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// pause waits for an acknowledgement, for records of the inbox if added is not nil, for the end of d if it is
// not 0, or until Close is called or ctx is done.
func (s *Shipper) pause(ctx context.Context, added <-chan struct{}, d time.Duration) {
	var timer <-chan time.Time
	if d > 0 {
		timer = time.After(d)
	}
	closing := s.closing
	if s.isClosing() {
		closing = nil // it has been seen
	}
	select {
	case <-s.window.wake:
	case <-added:
	case <-timer:
	case <-closing:
	case <-ctx.Done():
	}
}

// read returns the next records of the inbox. Without any the chunk is nil. The error is io.EOF at the
// inbox's end; the chunk is valid with an error too.
func (s *Shipper) read() (*chunk, error) {
	s.data, s.parts = s.data[:0], s.parts[:0]
	from, size := s.cursor, int64(0)
	var err error
	for len(s.parts) < chunkRecords && size < chunkBytes {
		var it spool.Item
		if it, err = s.reader.TryNext(); err != nil {
			break
		}
		if it.Damage != nil {
			if err = s.bury(it); err != nil {
				break
			}
		} else {
			stream, _ := row.Target(it.Record.Request.Target)
			p := part{from: len(s.data), date: it.Record.Date, headers: s.headers.headers(stream), at: it.At}
			if it.At.Before(s.start) && (s.first || s.total < mostUnsaved) { // at first, a copy of this collector's table can have them
				p.headers = again(p.headers)
			}
			s.data = append(append(s.data, it.Record.ID[:]...), it.Raw...)
			p.to = len(s.data)
			s.parts = append(s.parts, p)
		}
		size += it.Next.Offset - it.At.Offset
		s.cursor = it.Next
	}
	if s.cursor == from {
		return nil, err
	}
	s.total += size
	s.lag.read(size, len(s.parts))
	return s.chunk(size), err
}

// chunk returns a chunk of what was read.
func (s *Shipper) chunk(size int64) *chunk {
	c := &chunk{
		next: s.cursor, bytes: size, charge: int64(len(s.data) + recordCharge*len(s.parts)),
		records: make([]kgo.Record, len(s.parts)), places: make([]spool.Cursor, len(s.parts)),
	}
	data := append([]byte(nil), s.data...)
	if cap(s.data) > 4*chunkBytes {
		s.data = nil // of a large record
	}
	for i, p := range s.parts {
		value := p.from + len(uuid.UUID{})
		c.records[i] = kgo.Record{Key: data[p.from:value:value], Value: data[value:p.to:p.to], Headers: p.headers, Timestamp: p.date, Partition: -1}
		c.places[i] = p.at
	}
	if len(s.parts) > 0 {
		c.oldest = s.parts[0].date
	}
	return c
}

// bury keeps damaged bytes of the inbox in dead/.
func (s *Shipper) bury(it spool.Item) error {
	path, err := s.dead.keepDamaged(it.At, it.Raw)
	if err != nil {
		// The item is read again later: the reader starts anew at the cursor.
		return err
	}
	s.counts.damaged.Add(1)
	s.log.Error("damaged record skipped, it is in dead/", "reason", it.Damage, "file", path, "bytes", it.Next.Offset-it.At.Offset)
	return nil
}

// produce gives the records of a chunk to the client.
func (s *Shipper) produce(ctx context.Context, c *chunk) {
	c.began = time.Now()
	s.window.push(c)
	for i := range c.records {
		s.send(ctx, c, &c.records[i])
	}
}

// errAgain is the failure of a record that was not sent, because one before it failed.
var errAgain = errors.New("a record before it failed")

// send gives a record to the client. Its outcome goes to the chunk.
func (s *Shipper) send(ctx context.Context, c *chunk, r *kgo.Record) {
	if recordBytes(r) > s.limit {
		s.sendAlone(ctx, c, r)
		return
	}
	s.outstanding.Add(1)
	// Not ctx: a record whose context ends fails with all behind it in its partition.
	s.client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		c.settle(r, err)
		if s.outstanding.Add(-1) == 0 {
			s.window.signal()
		}
	})
}

// recordBytes returns how large a batch of the record is at most.
func recordBytes(r *kgo.Record) int64 {
	n := 128 + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 10 + len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// settleAll waits until each record that the client has has an outcome. It returns false if ctx is done before.
func (s *Shipper) settleAll(ctx context.Context) bool {
	for s.outstanding.Load() > 0 {
		select {
		case <-s.window.wake:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
