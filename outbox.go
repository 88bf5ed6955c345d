package beacon

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// An outbox is a spool and the care that it has a deliverer.
type outbox struct {
	*spool.Outbox
	config  Config
	log     *slog.Logger
	wake    chan struct{} // to the goroutine that delivers
	running atomic.Bool   // it is there
	purged  atomic.Bool   // by this process, for DO_NOT_TRACK
}

// outboxes are the process's, by directory.
var outboxes sync.Map

// openOutbox returns the process's outbox in the config's directory. All navigators with
// the same directory share the one that the first of them opened.
func openOutbox(c *Config) (*outbox, error) {
	if box, ok := outboxes.Load(c.Outbox); ok {
		return box.(*outbox), nil
	}
	dir, err := filepath.Abs(c.Outbox)
	if err != nil {
		return nil, fmt.Errorf("outbox %s: %w", c.Outbox, err)
	}
	s, err := spool.OpenOutbox(dir, spool.OutboxOptions{Capacity: c.Capacity, Power: c.Durability == Power})
	if err != nil {
		return nil, err
	}
	box := &outbox{Outbox: s, config: *c, log: c.Logger, wake: make(chan struct{}, 1)}
	if other, loaded := outboxes.LoadOrStore(c.Outbox, box); loaded {
		s.Close()
		return other.(*outbox), nil
	}
	return box, nil
}

// send keeps the record and makes sure that somebody delivers it. First the record, then
// the look at the lock: a deliverer gives up its lock first and then looks for records,
// so one of the two sees the other.
func (b *outbox) send(record []byte) error {
	if err := b.Append(record); err != nil {
		return err
	}
	b.deliver()
	return nil
}

func (b *outbox) deliver() {
	if b.running.Load() || b.config.InProcess || !canDetach() {
		b.deliverInProcess()
	} else {
		b.deliverDetached()
	}
}

// deliverDetached starts a deliverer, if nobody is one. The lock is taken here and
// handed down: there is no moment in which a second one could start.
func (b *outbox) deliverDetached() {
	lock, err := b.TryLock()
	if err != nil {
		b.log.Warn("outbox can't be locked; the next run delivers", "error", err)
		return
	}
	if lock == nil {
		return
	}
	err = detach(b.Dir(), lock, b.config.Patience)
	lock.Close()
	if err != nil {
		b.log.Warn("deliverer can't be started; delivering in this process", "error", err)
		b.deliverInProcess()
	}
}

// deliverInProcess has a goroutine deliver until nothing of this process waits.
func (b *outbox) deliverInProcess() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if b.running.CompareAndSwap(false, true) {
		go b.deliverWaiting()
	}
}

const (
	inProcessIdle = 5 * time.Second
	lockPoll      = 250 * time.Millisecond // how soon the next one delivers when one is killed
)

func (b *outbox) deliverWaiting() {
	for {
		lock, err := b.TryLock()
		switch {
		case err != nil:
			b.log.Warn("outbox can't be locked, will try again", "error", err)
			time.Sleep(lockPoll)
		case lock == nil:
			time.Sleep(lockPoll) // somebody else delivers
		default:
			if _, err := deliver.Drain(context.Background(), b.Dir(), lock, b.config.TLS, deliver.Deliverer{Idle: inProcessIdle, Wake: b.wake, Log: b.log}); err != nil {
				b.log.Warn("delivery stopped, will try again", "error", err)
				time.Sleep(lockPoll)
			}
		}
		b.running.Store(false)
		// Who sent in between saw us running, and woke us.
		if n, err := b.Waiting(); err == nil && n == 0 && len(b.wake) == 0 || !b.running.CompareAndSwap(false, true) {
			return
		}
	}
}

const flushPoll = 20 * time.Millisecond

func flush(ctx context.Context) error {
	tick := time.NewTicker(flushPoll)
	defer tick.Stop()
	for {
		waiting := 0
		var failed error
		outboxes.Range(func(_, v any) bool {
			b := v.(*outbox)
			n, err := b.Waiting()
			if err != nil {
				failed = err
				n = 1
			}
			if waiting += n; n > 0 {
				// The deliverer may have been killed, or never have started.
				b.deliverInProcess()
			}
			return true
		})
		if waiting == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if failed != nil {
				return fmt.Errorf("beacon: flush: %w (%w)", ctx.Err(), failed)
			}
			return fmt.Errorf("beacon: flush: %d beacons wait for their server and stay in the outbox: %w", waiting, ctx.Err())
		}
	}
}
