package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	// mostUnacknowledged is how many bytes of memory the records take that the log has not acknowledged.
	mostUnacknowledged = 32 << 20
	// A chunk has so many bytes of the inbox and records at most, or one record.
	chunkBytes   = 256 << 10
	chunkRecords = 512
	// saveEvery is the least time between two saves of the cursor.
	saveEvery = 100 * time.Millisecond
	// mostUnsaved is how many bytes of the inbox are read behind the saved cursor: a crash repeats no more.
	mostUnsaved = 64 << 20
)

var errClosed = errors.New("the shipping to the log has ended")

// ShipOptions configure a Shipper.
type ShipOptions struct {
	Options
	// Dir is the folder for the file ship-cursor and the folder dead/. It exists. Two Shippers never share it.
	Dir string
	// Collector is the name of this collector in the records; "" is the host's name.
	Collector string
	// OnAck is called when the log has acknowledged records that were produced together, with their number
	// and the time it took. Calls do not overlap, and must not block. It may be nil.
	OnAck func(records int, took time.Duration)
}

// A Shipper copies the records of an inbox to a Kafka topic, from the saved cursor on. In each partition they
// have the order of the inbox, except after an error that the library does not retry. All methods are safe for
// concurrent use.
//
// While the brokers are away it retries without limit, and so it does after any other error: the cause is in
// the log and in [Shipper.Stats]. A record goes to dead/ if it is damaged, or if the broker refuses it alone
// for its size. At most 32 MiB are under way, and one record.
//
// The cursor is saved every 0.1 s. So a crash of this process or the machine repeats the records that were
// acknowledged in the last 0.1 s and one fsync, and those under way: 64 MiB of the inbox at most. After an error
// that the library does not retry, records can be repeated too: those whose acknowledgement did not arrive. Records
// that can be repetitions have a header that says so: see [Record.Again].
type Shipper struct {
	o       ShipOptions
	in      *spool.Inbox
	log     *slog.Logger
	dead    deadFolder
	window  window
	state   state
	counts  counts
	lag     lagMeter
	closing chan struct{} // closed by Close: the inbox's end is the end
	once    sync.Once
	cancel  context.CancelFunc // ends all at once
	ended   chan struct{}      // closed when nothing runs any more
	err     error              // of Close; set before ended is closed

	outstanding atomic.Int64 // records that the client has and that have no outcome yet
	saved       atomic.Int64 // bytes of the inbox, from the start on, that the saved cursor is past

	// The following are used by run only.
	reader  *spool.InboxReader
	cursor  spool.Cursor // behind the last record that was read
	total   int64        // bytes of the inbox that were read
	start   spool.Cursor // the inbox's end at the start: what is behind it was never shipped
	first   bool         // the cursor was never saved before
	headers headerCache
	data    []byte      // a buffer of read
	parts   []part      // another
	limit   int64       // bytes of a batch at most; a larger record is a batch of its own
	client  *kgo.Client // or nil
	alone   *kgo.Client // for records over the limit, or nil
	refused repeated    // the error that was logged last
}

// counts are the counts of Stats.
type counts struct{ retries, tooLarge, damaged atomic.Int64 }

// Ship starts a Shipper. The brokers need not answer. Errors are options that can't work, and a cursor that
// can't be read.
func Ship(in *spool.Inbox, o ShipOptions) (*Shipper, error) {
	if o.Collector == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name of this collector: %w", err)
		}
		o.Collector = host
	}
	probe, err := o.Options.client() // finds wrong options; it does not connect
	if err != nil {
		return nil, err
	}
	probe.Close()
	cursor, err := loadCursor(o.Dir)
	first := cursor == spool.Cursor{}
	if err != nil {
		return nil, err
	}
	end, err := in.End()
	if err != nil {
		return nil, err
	}
	s := &Shipper{
		o: o, in: in, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), cursor: cursor, start: end, first: first,
		headers: headerCache{collector: o.Collector}, closing: make(chan struct{}), ended: make(chan struct{}),
		limit: defaultBatch,
	}
	s.dead = deadFolder{filepath.Join(o.Dir, deadName), s.log, maxDeadBytes, maxDeadFiles}
	if end.Before(cursor) {
		// Segments were deleted. New ones may have names that sort before the cursor.
		s.log.Warn("inbox ends before the log's cursor", "inbox", end, "cursor", cursor)
		s.cursor = end
		if err := saveCursor(o.Dir, end); err != nil {
			return nil, err
		}
	}
	if err := s.lag.begin(in, s.cursor); err != nil {
		return nil, err
	}
	s.window = window{most: mostUnacknowledged, onAck: s.acknowledged, wake: make(chan struct{}, 1), reached: s.cursor, lastAck: time.Now()}
	s.reader = in.Reader(s.cursor)
	s.state.o = &s.o.Options
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go s.all(ctx)
	return s, nil
}

// all runs the parts of the shipping until they have ended.
func (s *Shipper) all(ctx context.Context) {
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() { s.save(stop) })
	others.Go(func() { s.watch(ctx, stop) })
	s.run(ctx)
	s.disconnect()
	s.cancel()
	close(stop)
	others.Wait()
	s.reader.Close()
	close(s.ended)
}

// acknowledged notes that the log has acknowledged a chunk.
func (s *Shipper) acknowledged(records int, took time.Duration) {
	s.state.worked()
	if s.o.OnAck != nil {
		s.o.OnAck(records, took)
	}
}

// Reached returns the place in the inbox before which the log has acknowledged all records, or they are in dead/.
func (s *Shipper) Reached() spool.Cursor {
	s.window.mu.Lock()
	defer s.window.mu.Unlock()
	return s.window.reached
}

// Wait returns nil when the log has acknowledged all before c. Else the error is that of ctx, or that the
// Shipper was closed. Thousands may wait: each is woken once. After an Append to the inbox, c is its Synced.
func (s *Shipper) Wait(ctx context.Context, c spool.Cursor) error {
	return s.window.wait(ctx, c, s.ended)
}

// Close ships the rest of the inbox until ctx is done, saves the cursor and ends the Shipper. The error is
// that the cursor could not be saved: the next start then repeats records. Later calls return the same.
func (s *Shipper) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.closing) })
	select {
	case <-s.ended:
		return s.err
	case <-ctx.Done():
	}
	s.cancel()
	<-s.ended
	return s.err
}

// save keeps the file of the cursor up to date until stop is closed, and then saves it once more.
func (s *Shipper) save(stop <-chan struct{}) {
	saved, failing := s.Reached(), false
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for last := false; ; {
		if reached, bytes := s.window.reachedBytes(); reached != saved {
			err := saveCursor(s.o.Dir, reached)
			switch {
			case err == nil:
				saved, failing, s.err = reached, false, nil
				s.saved.Store(bytes)
				s.window.signal()
			case !failing || last:
				failing, s.err = true, err
				s.log.Error("cursor of the log can't be saved", "error", err, "hint", "a restart will repeat what was shipped since")
			}
		}
		if last {
			return
		}
		select {
		case <-ticker.C:
		case <-stop:
			last = true
		}
	}
}
