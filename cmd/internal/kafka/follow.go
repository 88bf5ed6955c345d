package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// mostFetched is how many bytes, as they are compressed in the topic, are fetched and not handed over.
	// Beacons take four times that in memory.
	mostFetched = 8 << 20
	// leastFetched is the least of that for each broker.
	leastFetched = 1 << 20
	// fetchWait is how long a broker waits for records before it answers.
	fetchWait = 500 * time.Millisecond
	// upkeepEvery is how often pauses are looked at, and refreshEvery how often the topic's partitions and
	// their ends are read.
	upkeepEvery  = time.Second
	refreshEvery = 10 * time.Second
)

// MostHanded is how many records a call of Follower.Run's function has at most.
const MostHanded = 10_000

// A Follower reads a topic without a consumer group: its caller keeps the offsets. Its methods are safe for
// concurrent use.
type Follower struct {
	o          Options
	log        *slog.Logger
	partitions []int32 // nil for all
	repeats    repeats // for the goroutine of Run
	state      state
	failed     repeated
	current    atomic.Pointer[kgo.Client] // nil between two connections

	mu      sync.Mutex
	parts   map[int32]*position
	from    map[int32]int64 // where the next client starts
	foreign int64
	lost    int64
	topicID [16]byte
}

// NewFollower returns a Follower of some partitions, or of all if partitions is nil; then partitions that are
// added later are found within a minute. from has the offset of the next record for each partition that was
// read before, and topicID is that of Follower.TopicID then. Others are read from their oldest record on. Errors are options
// that can't work.
func NewFollower(o Options, partitions []int32, from map[int32]int64, topicID string) (*Follower, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f := &Follower{o: o, log: o.log(), partitions: slices.Clone(partitions), parts: map[int32]*position{}, from: maps.Clone(from)}
	if f.from == nil {
		f.from = map[int32]int64{}
	}
	f.state.o = &f.o
	if id, err := hex.DecodeString(topicID); err == nil && len(id) == len(f.topicID) {
		f.topicID = [16]byte(id)
	}
	return f, nil
}

// End returns the offset behind the newest record of a partition, as far as it is known.
func (f *Follower) End(partition int32) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := f.parts[partition]; at != nil {
		return at.end
	}
	return 0
}

// TopicID returns the id of the topic that is read, or "" before Run knows it. A topic that is made anew has another.
func (f *Follower) TopicID() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.topicID == [16]byte{} {
		return ""
	}
	return hex.EncodeToString(f.topicID[:])
}

// Run reads records and hands them to each, until ctx is done, each fails or a record was made by a later
// version. It returns that error. A call of each has records of one partition, in their order. It may keep
// them. Calls do not overlap. Run is called once.
//
// Errors of the brokers are retried without limit: see [Follower.Stats] and the log. If records are missing
// because the topic's retention was faster, their number is logged and counted, and Run goes on with the oldest
// record. So it does if the topic was made anew. Records that this package did not make are logged and counted.
//
// Partitions that are more than an hour ahead of the slowest one, by the time of their records, wait for it.
// At most 8 MiB, as they are compressed in the topic, are fetched ahead, or 1 MiB for each broker.
func (f *Follower) Run(ctx context.Context, each func(context.Context, []Record) error) error {
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := f.follow(ctx, each, func() { backoff = minBackoff })
		var stop stopError
		switch {
		case errors.As(err, &stop):
			return stop.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		f.note(err)
		if !sleep(ctx, backoff) {
			return ctx.Err()
		}
	}
}

// A stopError is an error that ends Run.
type stopError struct{ error }

// note logs an error that is retried.
func (f *Follower) note(err error) {
	f.state.failed(err)
	if f.failed.isNew(err.Error(), time.Now()) {
		f.log.Error("topic can't be read, it is retried", "error", err)
	}
}

// follow reads with one client, and returns why it ended. It calls works after each success.
func (f *Follower) follow(ctx context.Context, each func(context.Context, []Record) error, works func()) error {
	cl, err := f.client(ctx)
	if err != nil {
		return err
	}
	defer cl.Close()
	f.current.Store(cl)
	defer f.current.Store(nil)
	upkeep, refresh := time.Now(), time.Now().Add(refreshEvery)
	for {
		until, cancel := context.WithTimeout(ctx, upkeepEvery)
		fetches := cl.PollRecords(until, MostHanded)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var failed error
		fetches.EachError(func(_ string, p int32, err error) {
			switch {
			case errors.Is(err, context.DeadlineExceeded):
			case errors.Is(err, kerr.OffsetOutOfRange):
				f.setBroken(p)
			case errors.Is(err, kerr.UnknownTopicID):
				failed = f.o.explain(err) // the library does not go on with a topic that was made anew
			default:
				f.note(f.o.explain(err))
			}
		})
		if failed != nil {
			return failed
		}
		var stop error
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if stop == nil && len(p.Records) > 0 {
				stop = f.hand(ctx, p, each)
			}
		})
		if stop != nil {
			return stopError{stop}
		}
		if fetches.NumRecords() > 0 {
			works()
			f.state.worked()
		}
		if time.Now().After(refresh) {
			if err := f.refresh(ctx, cl); err != nil {
				f.note(err)
			}
			refresh = time.Now().Add(refreshEvery)
		}
		if time.Since(upkeep) >= upkeepEvery || fetches.NumRecords() > 0 {
			f.mend(ctx, cl)
			f.balance(cl, time.Now())
			upkeep = time.Now()
		}
	}
}

// hand hands over the records of a partition.
func (f *Follower) hand(ctx context.Context, p kgo.FetchTopicPartition, each func(context.Context, []Record) error) error {
	records, bytes, now := make([]Record, 0, len(p.Records)), int64(0), time.Now()
	for _, r := range p.Records {
		bytes += int64(len(r.Value))
		is, err := decode(r)
		switch {
		case errors.Is(err, errNewer):
			return fmt.Errorf("topic %s, partition %d, offset %d: %w", f.o.Topic, r.Partition, r.Offset, err)
		case err != nil:
			f.mu.Lock()
			f.foreign++
			n := f.foreign
			f.mu.Unlock()
			if n <= 10 || n%1000 == 0 {
				f.log.Warn("foreign record skipped", "topic", f.o.Topic, "partition", r.Partition, "offset", r.Offset, "reason", err, "count", n)
			}
		default:
			if is.Value != nil {
				is.Again = f.repeats.isAgain(uuid.UUID(r.Key), is.Again, now)
			}
			records = append(records, is)
		}
	}
	if len(records) > 0 {
		if err := each(ctx, records); err != nil {
			return err
		}
	}
	last := p.Records[len(p.Records)-1]
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.parts[p.Partition]
	if at == nil {
		return nil
	}
	at.next, at.time, at.delivered = last.Offset+1, last.Timestamp, time.Now()
	at.end = max(at.end, p.HighWatermark, at.next)
	at.read += int64(len(p.Records))
	at.bytes += bytes
	f.from[p.Partition] = at.next
	return nil
}

// client returns a client that reads from the caller's offsets on, or from the oldest records.
func (f *Follower) client(ctx context.Context) (*kgo.Client, error) {
	probe, err := f.o.client(kgo.WithHooks(&f.state))
	if err != nil {
		return nil, err
	}
	defer probe.Close()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := probe.Ping(ctx); err != nil {
		return nil, f.o.explain(err)
	}
	brokers, ids, err := f.describe(ctx, probe)
	if err != nil {
		return nil, err
	}
	starts, ends, err := f.bounds(ctx, probe)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	offsets := map[int32]kgo.Offset{}
	f.parts = map[int32]*position{}
	for _, p := range ids {
		at := f.start(p, starts[p], ends[p])
		f.parts[p] = at
		offsets[p] = kgo.NewOffset().At(at.next)
	}
	perBroker := int32(max(mostFetched/max(brokers, 1), leastFetched))
	return f.o.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{f.o.Topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // else the library would skip what is missing in silence
		kgo.FetchMaxBytes(perBroker), kgo.FetchMaxPartitionBytes(leastFetched),
		kgo.FetchMaxWait(fetchWait),
		kgo.AlwaysRetryEOF(),
		kgo.WithHooks(&f.state),
	)
}

// describe returns the number of brokers and the partitions to read.
func (f *Follower) describe(ctx context.Context, cl *kgo.Client) (brokers int, ids []int32, err error) {
	meta, err := kadm.NewClient(cl).Metadata(ctx, f.o.Topic)
	if err != nil {
		return 0, nil, f.o.explain(err)
	}
	topic := meta.Topics[f.o.Topic]
	if topic.Err != nil {
		return 0, nil, f.o.explain(topic.Err)
	}
	all := topic.Partitions.Numbers()
	slices.Sort(all)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.topicID != [16]byte{} && f.topicID != topic.ID {
		f.log.Error("topic was made anew, it is read from its beginning", "topic", f.o.Topic)
		clear(f.from)
	}
	f.topicID = topic.ID
	for _, p := range f.partitions {
		if !slices.Contains(all, p) {
			return 0, nil, stopError{fmt.Errorf("topic %s has no partition %d\nhint: it has %d of them, from 0 on", f.o.Topic, p, len(all))}
		}
	}
	if f.partitions != nil {
		all = f.partitions
	}
	return len(meta.Brokers), all, nil
}

// bounds returns the offsets of the oldest record of each partition, and those behind the newest.
func (f *Follower) bounds(ctx context.Context, cl *kgo.Client) (starts, ends map[int32]int64, err error) {
	admin := kadm.NewClient(cl)
	first, err := admin.ListStartOffsets(ctx, f.o.Topic)
	if err != nil {
		return nil, nil, f.o.explain(err)
	}
	last, err := admin.ListEndOffsets(ctx, f.o.Topic)
	if err != nil {
		return nil, nil, f.o.explain(err)
	}
	if err := errors.Join(first.Error(), last.Error()); err != nil {
		return nil, nil, f.o.explain(err)
	}
	return offsets(first, f.o.Topic), offsets(last, f.o.Topic), nil
}

func offsets(l kadm.ListedOffsets, topic string) map[int32]int64 {
	all := map[int32]int64{}
	for p, o := range l[topic] {
		all[p] = o.Offset
	}
	return all
}
