package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// Options say what a Sink copies, and where to. They are not changed after their first use.
type Options struct {
	Log        kafka.Options
	Partitions []int32 // of the topic; nil for all

	Target Target
	// Password returns the password of the user. It is called for each request, so that a password can change while the
	// process runs. nil means none.
	Password func() (string, error)
	CA       string // PEM file of the certificates that are trusted; "" for those of the system

	Columns []table.Column // declared columns
	Check   func(*row.Row) // called for each new row; it may add to its error; nil means no check
	Logger  *slog.Logger   // nil for none
}

// A Sink copies the records of a topic into ClickHouse. Its methods are safe for concurrent use.
type Sink struct {
	o      Options
	schema *schema
	client *client
	log    *slog.Logger
	age    time.Duration // batchAge, except in tests

	follower atomic.Pointer[kafka.Follower] // nil until the positions are known
	queue    atomic.Pointer[queue]          // nil until then
	counts   counts

	// Those of the writer's goroutine.
	erased  bool // VIEW_erased has rows
	streak  int  // INSERTs that were refused since the last that was not
	reached map[int32]reached

	mu     sync.Mutex
	failed string // why the last request failed, or ""
	logged string // the last error that was logged, and when
	at     time.Time
}

// reached is the end of the last batch that was written.
type reached struct {
	topicID string
	next    int64
}

// Back-off of requests that fail.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 15 * time.Second
	// logEvery is how often the same error is logged.
	logEvery = time.Minute
	// endTimeout is how long the end of Run may take.
	endTimeout = 5 * time.Second
)

// New returns a Sink. It asks nothing yet. Errors are options that can't work.
func New(o Options) (*Sink, error) {
	s := &Sink{o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)), age: batchAge, reached: map[int32]reached{}}
	var err error
	if s.schema, err = newSchema(o.Columns); err != nil {
		return nil, err
	}
	if s.client, err = newClient(&s.o.Target, o.Password, o.CA); err != nil {
		return nil, err
	}
	if _, err = kafka.NewFollower(o.Log, o.Partitions, nil, ""); err != nil {
		return nil, err
	}
	return s, nil
}

// Run makes the tables where they are missing, and copies records until ctx is done. Errors of ClickHouse and of the
// brokers are retried without limit: see [Sink.Stats] and the log. Run returns an error only if a person has to act: a
// table has a column of another type or another engine, or a later version made a record. Run is called once.
func (s *Sink) Run(ctx context.Context) error {
	var positions map[int32]position
	var topicID string
	err := s.persist(ctx, func() (err error) {
		if err := s.schema.prepare(ctx, s.client); err != nil {
			return err
		}
		if s.erased, err = s.hasErased(ctx); err == nil {
			positions, topicID, err = s.readPositions(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	from := map[int32]int64{}
	for p, at := range positions {
		from[p] = at.next
	}
	follower, err := kafka.NewFollower(s.o.Log, s.o.Partitions, from, topicID)
	if err != nil {
		return err
	}
	q := newQueue(s.schema, s.o.Check, s.age, positions)
	s.queue.Store(q)
	s.follower.Store(follower)
	ctx, cancel := context.WithCancel(ctx)
	written := make(chan error, 1)
	go func() {
		defer cancel()
		written <- s.writeAll(ctx, q)
	}()
	err = follower.Run(ctx, func(ctx context.Context, records []kafka.Record) error {
		return q.add(ctx, follower.TopicID(), records)
	})
	cancel()
	if failed := <-written; errors.Is(err, context.Canceled) {
		err = failed
	}
	s.end()
	return err
}

// writeAll writes batches until ctx is done.
func (s *Sink) writeAll(ctx context.Context, q *queue) error {
	for {
		b, err := q.take(ctx)
		if err != nil {
			return err
		}
		if err := s.write(ctx, b); err != nil {
			return err
		}
		s.reached[b.partition] = reached{b.topicID, b.next}
		q.done(b)
	}
}

// end records how far the sink has come, so that the next start repeats nothing.
func (s *Sink) end() {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for partition, r := range s.reached {
		if err := s.writePosition(ctx, r.topicID, partition, position{r.next, r.next}); err != nil {
			s.log.Warn("position can't be recorded, a batch is repeated", "partition", partition, "error", err)
			return
		}
	}
}

// persist does something until it succeeds, ctx is done, or a person has to act.
func (s *Sink) persist(ctx context.Context, do func() error) error {
	for wait := minBackoff; ; wait = min(2*wait, maxBackoff) {
		err := do()
		var schema *SchemaError
		switch {
		case err == nil:
			s.worked()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &schema):
			return err
		}
		if err := s.pause(ctx, err, wait); err != nil {
			return err
		}
	}
}

// pause logs why a request failed, and waits.
func (s *Sink) pause(ctx context.Context, err error, wait time.Duration) error {
	err = s.o.Target.explain(err)
	s.counts.retries.Add(1)
	s.mu.Lock()
	s.failed = err.Error()
	isNew := s.failed != s.logged || time.Since(s.at) > logEvery
	if isNew {
		s.logged, s.at = s.failed, time.Now()
	}
	s.mu.Unlock()
	if isNew {
		s.log.Error("ClickHouse fails, it is retried", "error", err, "retry_in", wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// worked notes a success.
func (s *Sink) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.logged = "", ""
}
