package clickhouse

import (
	"context"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

const (
	// mostPending is how many bytes of batches wait. One record more is taken, and what it decodes into.
	mostPending = 48 << 20
	// batchAge is how long a batch waits for more records. Each partition with records adds a quarter from the fifth on.
	batchAge = 2 * time.Second
	// recordedAge is the same for a batch whose end was recorded: its records are in the topic.
	recordedAge = time.Minute
)

// A queue has the batches that are not written. One goroutine calls add, and another take and done; stats is safe for
// concurrent use.
type queue struct {
	schema *schema
	check  func(*row.Row)
	age    time.Duration // batchAge, except in tests

	added   chan struct{} // has a value after a batch has changed
	removed chan struct{} // has a value after a batch was removed

	mu      sync.Mutex
	batches map[int32][]*batch // of each partition, the oldest first; only the last may be open
	until   map[int32]position // the ends that were recorded before a crash
	bytes   int64
}

func newQueue(s *schema, check func(*row.Row), age time.Duration, recorded map[int32]position) *queue {
	return &queue{schema: s, check: check, age: age, added: make(chan struct{}, 1), removed: make(chan struct{}, 1), batches: map[int32][]*batch{}, until: recorded}
}

// add adds records of one partition. It waits while the queue is full.
func (q *queue) add(ctx context.Context, topicID string, records []kafka.Record) error {
	for i := range records {
		for !q.put(topicID, &records[i]) {
			select {
			case <-q.removed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// put adds a record, unless the queue is full.
func (q *queue) put(topicID string, r *kafka.Record) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer wake(q.added)
	if q.bytes >= mostPending {
		return false
	}
	list := q.batches[r.Partition]
	var b *batch
	if n := len(list); n > 0 && r.Erase == nil && list[n-1].takes(topicID, r.Offset) {
		b = list[n-1]
	} else {
		if n > 0 {
			list[n-1].closed = true
		}
		b = &batch{topicID: topicID, partition: r.Partition, first: r.Offset, next: r.Offset, opened: time.Now(), made: r.Time}
		if p, ok := q.until[r.Partition]; ok && p.next <= r.Offset && r.Offset < p.until {
			b.until = p.until
		}
		delete(q.until, r.Partition)
		q.batches[r.Partition] = append(list, b)
	}
	before := b.size()
	if r.Erase != nil {
		b.erase, b.next, b.closed = r.Erase, r.Next(), true
	} else {
		b.add(q.schema, r, q.check)
		b.closed = b.full()
	}
	q.bytes += b.size() - before
	return true
}

// take waits until a batch has ended, ends it if its age or the memory does, and returns it. It stays in the queue.
func (q *queue) take(ctx context.Context) (*batch, error) {
	for {
		b, wait := q.choose(time.Now())
		if b != nil {
			return b, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-q.added:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		timer.Stop()
	}
}

// choose returns the batch to write: the oldest that has ended, or the largest if the queue is full. Without one it
// returns how long that will be so if no record comes.
func (q *queue) choose(now time.Time) (chosen *batch, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wait = time.Hour
	var largest *batch
	for _, list := range q.batches {
		b := list[0]
		age := max(q.age, time.Duration(len(q.batches))*q.age/4)
		if b.until > 0 {
			age = recordedAge
		}
		left := b.opened.Add(age).Sub(now)
		if (b.closed || left <= 0) && (chosen == nil || b.opened.Before(chosen.opened)) {
			chosen = b
		}
		wait = min(wait, left)
		if largest == nil || b.size() > largest.size() {
			largest = b
		}
	}
	if chosen == nil && q.bytes >= mostPending {
		chosen = largest
	}
	if chosen != nil {
		chosen.closed = true
	}
	return chosen, max(wait, 0)
}

// done removes a batch that take has returned.
func (q *queue) done(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= b.size()
	if list := q.batches[b.partition][1:]; len(list) > 0 {
		q.batches[b.partition] = list
	} else {
		delete(q.batches, b.partition)
	}
	wake(q.removed)
}

// pending returns how much waits, and the time of the oldest record of it; that is zero if nothing does.
func (q *queue) pending() (records, bytes int64, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, list := range q.batches {
		for _, b := range list {
			records += int64(max(len(b.records), 1))
			if oldest.IsZero() || b.made.Before(oldest) {
				oldest = b.made
			}
		}
	}
	return records, q.bytes, oldest
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
