package kafka

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A chunk is records that were read from the inbox together. The cursor moves behind all of them at once.
type chunk struct {
	window  *window
	records []kgo.Record
	places  []spool.Cursor // of the records
	next    spool.Cursor   // the place behind the chunk
	charge  int64          // bytes of memory that the chunk takes
	bytes   int64          // bytes of the inbox
	oldest  time.Time      // date of the first record; zero without one
	began   time.Time      // when the first record was produced

	left   atomic.Int32 // records without an outcome
	failed []failure    // written until left is 0
	done   bool         // guarded by window.mu
}

// A failure is a record that the log has not taken.
type failure struct {
	chunk  *chunk
	record *kgo.Record
	err    error
}

// settle is the outcome of a record. The client calls it in one goroutine at a time.
func (c *chunk) settle(r *kgo.Record, err error) {
	if err != nil {
		c.failed = append(c.failed, failure{c, r, err})
	}
	if c.left.Add(-1) == 0 {
		c.window.settled(c)
	}
}

// index returns which of the chunk's records r is.
func (c *chunk) index(r *kgo.Record) int {
	for i := range c.records {
		if &c.records[i] == r {
			return i
		}
	}
	panic("kafka: record of another chunk")
}

// A window is what was read from the inbox and is not acknowledged, oldest first. All methods are safe for
// concurrent use.
type window struct {
	most  int64                              // bytes of memory
	onAck func(records int, d time.Duration) // called for each chunk with records
	wake  chan struct{}                      // gets a value when chunks are settled; capacity 1

	mu      sync.Mutex
	chunks  []*chunk
	charge  int64
	bytes   int64 // of the inbox, in chunks
	past    int64 // bytes of the inbox, from the start on, before reached
	records int64 // in chunks
	failing int   // chunks with failures
	reached spool.Cursor
	acked   int64     // records since the start
	lastAck time.Time // or when the window was last empty
	waiters waiters
}

// push adds a chunk whose records are about to be produced.
func (w *window) push(c *chunk) {
	c.window = w
	c.left.Store(int32(len(c.records)))
	w.mu.Lock()
	if len(w.chunks) == 0 {
		w.lastAck = time.Now()
	}
	w.chunks = append(w.chunks, c)
	w.charge += c.charge
	w.bytes += c.bytes
	w.records += int64(len(c.records))
	w.mu.Unlock()
	if len(c.records) == 0 {
		w.settled(c)
	}
}

// settled notes that each record of a chunk has an outcome, and moves the place that was reached.
func (w *window) settled(c *chunk) {
	w.mu.Lock()
	if len(c.failed) > 0 {
		w.failing++
	} else {
		c.done = true
		n := 0
		for n < len(w.chunks) && w.chunks[n].done {
			w.take(w.chunks[n])
			n++
		}
		w.chunks = append(w.chunks[:0], w.chunks[n:]...)
		clear(w.chunks[len(w.chunks):cap(w.chunks)])
		w.release()
	}
	w.mu.Unlock()
	w.signal()
}

// take removes the oldest chunk from the counts.
func (w *window) take(c *chunk) {
	w.charge -= c.charge
	w.bytes -= c.bytes
	w.past += c.bytes
	w.records -= int64(len(c.records))
	w.acked += int64(len(c.records))
	w.reached = c.next
	w.lastAck = time.Now()
	if len(c.records) > 0 {
		w.onAck(len(c.records), w.lastAck.Sub(c.began))
	}
}

func (w *window) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// failures returns the records that were not taken, oldest first, and prepares them for being produced again.
// Each record has an outcome when it is called.
func (w *window) failures() (all []failure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.chunks {
		if len(c.failed) > 0 {
			slices.SortFunc(c.failed, func(a, b failure) int { return c.index(a.record) - c.index(b.record) })
			all = append(all, c.failed...)
			c.left.Store(int32(len(c.failed)))
			c.failed = nil
		}
	}
	w.failing = 0
	return all
}

// hasFailed reports whether a chunk has failures.
func (w *window) hasFailed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failing > 0
}

// room returns how many bytes of memory new chunks may take; one chunk may always be under way.
func (w *window) room() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most - w.charge
}

// isEmpty reports whether all that was read is acknowledged, and whether a waiter waits for more.
func (w *window) isEmpty() (empty, waited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.chunks) == 0, len(w.waiters) > 0
}

// reachedBytes returns the place that was reached, and how many bytes of the inbox were read up to it.
func (w *window) reachedBytes() (spool.Cursor, int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reached, w.past
}

// reach moves the place that was reached to c, at which the inbox ends.
func (w *window) reach(c spool.Cursor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.chunks) == 0 && w.reached.Before(c) {
		w.reached = c
		w.release()
	}
}

// wait returns when c is reached or ctx is done, with the error of ctx, or when end is closed, with errClosed.
func (w *window) wait(ctx context.Context, c spool.Cursor, end <-chan struct{}) error {
	w.mu.Lock()
	if !w.reached.Before(c) {
		w.mu.Unlock()
		return nil
	}
	me := &waiter{cursor: c, reached: make(chan struct{})}
	heap.Push(&w.waiters, me)
	idle := len(w.chunks) == 0
	w.mu.Unlock()
	if idle {
		w.signal() // the inbox may end at c already
	}
	var err error
	select {
	case <-me.reached:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-end:
		err = errClosed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if me.index < 0 {
		return nil // reached meanwhile
	}
	heap.Remove(&w.waiters, me.index)
	return err
}

// release ends the waiting for places that are reached. Each waiter is woken once.
func (w *window) release() {
	for len(w.waiters) > 0 && !w.reached.Before(w.waiters[0].cursor) {
		close(heap.Pop(&w.waiters).(*waiter).reached)
	}
}

// A waiter waits for a place.
type waiter struct {
	cursor  spool.Cursor
	reached chan struct{} // closed when it is
	index   int           // in the heap, or -1
}

// waiters is a heap, the first place first.
type waiters []*waiter

func (h waiters) Len() int           { return len(h) }
func (h waiters) Less(i, j int) bool { return h[i].cursor.Before(h[j].cursor) }
func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}

func (h *waiters) Pop() any {
	last := len(*h) - 1
	w := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	w.index = -1
	return w
}
