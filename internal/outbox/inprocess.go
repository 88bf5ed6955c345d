//go:build !js

package outbox

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
)

// yielding are the deliveries in this process that end when detached becomes true, and leave the rest to a
// deliverer.
var yielding struct {
	mu  sync.Mutex // detached does not become true while one begins
	all sync.WaitGroup
}

// yield ends the context of these deliveries.
var untilDetach, yield = context.WithCancel(context.Background())

// untilDetached returns the context of a delivery that ends when Detach is called. end must be called when the
// delivery has ended.
func untilDetached(parent context.Context) (ctx context.Context, end func()) {
	yielding.mu.Lock()
	defer yielding.mu.Unlock()
	ctx, cancel := context.WithCancel(parent)
	if detached.Load() {
		cancel()
		return ctx, cancel
	}
	yielding.all.Add(1)
	stop := context.AfterFunc(untilDetach, cancel)
	return ctx, func() {
		stop()
		cancel()
		yielding.all.Done()
	}
}

// deliverInProcess delivers in a goroutine until no beacon of this process waits. lock is the outbox's lock
// or nil. Senders that find it held rely on its holder. With instead set, this process delivers although Detach
// was called, because a deliverer has failed.
func (b *Outbox) deliverInProcess(lock *os.File, instead bool) {
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if b.delivering.CompareAndSwap(false, true) {
		ctx, end := b.ctx, func() {}
		if !b.config.InProcess && !instead {
			ctx, end = untilDetached(b.ctx)
		}
		begun := b.begin(func() {
			defer end()
			b.deliverWaiting(ctx, lock)
		})
		if begun {
			return
		}
		end()
	}
	if lock != nil {
		lock.Close() // the goroutine that runs takes it
	}
}

const (
	// This process holds the lock only while beacons wait: it may end at any time, and senders that find the
	// lock held rely on it.
	inProcessIdle = time.Millisecond
	lockPoll      = 250 * time.Millisecond // until this process delivers after another deliverer was killed
)

func (b *Outbox) deliverWaiting(ctx context.Context, lock *os.File) {
	for {
		select {
		case <-b.wake:
		default:
		}
		var err error
		if lock == nil {
			lock, err = b.TakeLock()
		}
		if err == nil && lock != nil {
			_, err = deliver.Drain(ctx, b.Outbox, lock, deliver.Deliverer{
				Fetch: b.client.Do, Base: b.config.InProcess, Idle: inProcessIdle, Wake: b.wake, Log: b.log, Program: program(),
			})
			lock = nil
		}
		if b.ctx.Err() != nil {
			return
		}
		if ctx.Err() != nil { // Detach was called
			b.delivering.Store(false)
			b.deliverDetached()
			return
		}
		if err != nil {
			b.warn("delivery stopped, will try again", err)
		}
		b.delivering.Store(false)
		// A sender in between saw that the goroutine runs, and woke it.
		n, err := b.Waiting()
		if err == nil && n == 0 && len(b.wake) == 0 || !b.delivering.CompareAndSwap(false, true) {
			return
		}
		if (n > 0 || err != nil) && !b.sleep(lockPoll) { // another process delivers, or the disk failed
			return
		}
	}
}
