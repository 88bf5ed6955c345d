package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// defaultBatch is the bound of a batch in bytes where the topic's setting is not known: Kafka's default
	// of max.message.bytes. mostBatch is it for any topic, and leastBatch where the broker refuses all.
	defaultBatch = 1_000_000
	mostBatch    = 1 << 20
	leastBatch   = 4 << 10
	// aloneBatch is the size in bytes of the largest batch of one record. Below Kafka's default of
	// socket.request.max.bytes, 100 MiB, it fits each record of an inbox.
	aloneBatch = 96 << 20
	// describeTimeout is how long the start waits for the topic's settings.
	describeTimeout = 5 * time.Second
)

// begin connects, with batches that the topic takes.
func (s *Shipper) begin(ctx context.Context) {
	if !s.connect(ctx) {
		return
	}
	timeout, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	// Without the right to read it, the default holds until a batch is refused.
	if most := s.messageBytes(timeout); most > 0 && min(most, mostBatch) != s.limit {
		s.limit = min(most, mostBatch)
		s.connect(ctx)
	}
}

// messageBytes returns the topic's max.message.bytes, or 0 if it can't be read.
func (s *Shipper) messageBytes(ctx context.Context) int64 {
	settings, err := s.o.settings(ctx, s.client)
	if err != nil {
		return 0
	}
	most, _ := number(settings, "max.message.bytes")
	return most
}

// shrink lowers the bound of a batch after the broker refused one for its size. At 0 each record is alone.
func (s *Shipper) shrink(ctx context.Context) {
	timeout, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	most := s.messageBytes(timeout)
	switch {
	case most > 0 && most < s.limit:
		s.limit = most
	case s.limit > leastBatch:
		s.limit = max(s.limit/2, leastBatch)
	default:
		s.limit = 0
	}
	s.log.Warn("log refuses batches for their size", "batch_bytes", s.limit, "hint", "max.message.bytes of the topic was lowered; after raising it, start the collector again")
}

// connect replaces the client with a new one, which has the current limit and another id of a producer. It
// returns false if ctx is done.
func (s *Shipper) connect(ctx context.Context) bool {
	s.disconnect()
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		client, err := s.producer(int32(max(s.limit, leastBatch)))
		if err == nil {
			s.client = client
			return true
		}
		s.state.failed(err) // such as a file of a certificate that is gone
		s.log.Error("log can't be used", "error", err, "retry_in", backoff)
		if !sleep(ctx, backoff) {
			return false
		}
	}
}

// producer returns a client that produces.
func (s *Shipper) producer(batch int32) (*kgo.Client, error) {
	return s.o.client(
		kgo.DefaultProduceTopic(s.o.Topic),
		kgo.RecordPartitioner(partitioner{}),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(batch),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerLinger(0), // while one request is under way, the next batch fills
		// The window bounds what is under way. At these numbers Produce would block.
		kgo.MaxBufferedRecords(1<<20),
		// A topic that is missing may come back. Other retries have no limit by default.
		kgo.UnknownTopicRetries(-1),
		kgo.AlwaysRetryEOF(), // a broker that restarts closes connections at any moment
		kgo.WithHooks(&s.state),
		kgo.WithLogger(&s.state),
	)
}

// disconnect closes the clients. Records that they have fail with kgo.ErrClientClosed.
func (s *Shipper) disconnect() {
	for _, client := range []**kgo.Client{&s.client, &s.alone} {
		if *client != nil {
			(*client).Close()
			*client = nil
		}
	}
}

// recover sends the records again that failed. It returns when each record has an outcome and none has failed,
// or ctx is done.
//
// The library retries what can be retried. After any other error it fails all records of the partition, not
// only the one that the broker refused: the sequence numbers of the others depend on it. So an error says
// nothing about a single record. Once each record has an outcome, those that failed are sent again in their
// order, by a new client. A batch that was too large is sent in smaller ones, until the record that is too
// large is alone.
func (s *Shipper) recover(ctx context.Context) {
	for backoff := minBackoff; s.settleAll(ctx); {
		failures := s.window.failures()
		if len(failures) == 0 {
			return
		}
		s.counts.retries.Add(1)
		var other error
		tooLarge := false
		for _, f := range failures {
			switch {
			case errors.Is(f.err, kerr.MessageTooLarge):
				tooLarge = true
			case errors.Is(f.err, kerr.InvalidTimestamp):
				// The topic takes only recent times, and a record can wait here for long, or be imported.
				f.record.Timestamp = time.Now()
			case other == nil && f.err != errAgain:
				other = f.err
			}
		}
		if tooLarge {
			s.shrink(ctx)
		}
		if other != nil {
			other = s.o.explain(other)
			s.state.failed(other)
			if s.refused.isNew(other.Error(), time.Now()) {
				s.log.Error("log refuses records, they are retried", "error", other, "records", len(failures))
			}
			if !sleep(ctx, backoff) {
				return
			}
			backoff = min(2*backoff, maxBackoff)
		}
		if !s.connect(ctx) {
			return
		}
		for _, f := range failures {
			f.record.Headers = again(f.record.Headers)
			s.send(ctx, f.chunk, f.record)
		}
	}
}

// sendAlone sends a record that does not fit into a batch with others, after all before it. If the broker
// refuses it for its size, it goes to dead/.
func (s *Shipper) sendAlone(ctx context.Context, c *chunk, r *kgo.Record) {
	if !s.settleAll(ctx) || s.window.hasFailed() {
		c.settle(r, errAgain)
		return
	}
	err := s.produceAlone(ctx, r)
	if errors.Is(err, kerr.MessageTooLarge) {
		at := c.places[c.index(r)]
		var path string
		if path, err = s.dead.keep(at, uuid.UUID(r.Key), r.Value); err == nil {
			s.counts.tooLarge.Add(1)
			s.log.Error("log refuses a record for its size, it is in dead/", "id", uuid.UUID(r.Key), "bytes", len(r.Value), "file", path,
				"hint", fmt.Sprintf("raise max.message.bytes of topic %s to %d", s.o.Topic, len(r.Value)+batchOverhead))
		}
	}
	c.settle(r, err)
}

func (s *Shipper) produceAlone(ctx context.Context, r *kgo.Record) error {
	if s.alone == nil {
		client, err := s.producer(aloneBatch)
		if err != nil {
			return err
		}
		s.alone = client
	}
	outcome := make(chan error, 1)
	s.alone.Produce(context.Background(), r, func(_ *kgo.Record, err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// repeated finds out whether a text should be logged: when it changes, and once a minute.
type repeated struct {
	text string
	at   time.Time
}

func (r *repeated) isNew(text string, now time.Time) bool {
	if text == r.text && now.Sub(r.at) < time.Minute {
		return false
	}
	*r = repeated{text, now}
	return true
}

// sleep returns false if ctx is done before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
