package beacon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// An outbox is a spool that has a deliverer whenever beacons wait.
type outbox struct {
	*spool.Outbox
	config  Config        // of the navigator that opened it
	client  *fetch.Client // for delivery in this process
	wake    chan struct{} // to the goroutine that delivers
	running atomic.Bool   // that goroutine runs
	later   atomic.Bool   // deliverLater waits
	relay   *deliver.Relay
	relays  atomic.Bool  // relayWhileWaiting runs
	purged  atomic.Int64 // when this process last honored DO_NOT_TRACK, Unix time in seconds

	complained atomic.Int64 // the last log line of complain, Unix time in seconds
}

const (
	complainPause = 10 * time.Second
	laterPause    = time.Second // until another try to start a deliverer
	relayPause    = time.Second
)

// program is what starts the deliverers of this process's outboxes: this process, or if it is a detached
// deliverer, what started it.
var program = sync.OnceValue(func() deliver.Program {
	if isDeliverer {
		return deliver.StartedBy()
	}
	return deliver.ThisProgram()
})

// outboxes are the process's, by directory.
var outboxes sync.Map

// openOutbox returns the process's outbox in the config's directory. All navigators with that directory
// share it.
func openOutbox(c *Config) (*outbox, error) {
	if box, ok := outboxes.Load(c.Outbox); ok {
		return box.(*outbox), nil
	}
	program()
	s, err := spool.OpenOutbox(c.Outbox)
	if err != nil {
		return nil, err
	}
	box := &outbox{Outbox: s, config: *c, client: deliver.NewClient(c.TLS), wake: make(chan struct{}, 1), relay: deliver.NewRelay(s.Dir())}
	if other, loaded := outboxes.LoadOrStore(c.Outbox, box); loaded {
		s.Close()
		return other.(*outbox), nil
	}
	return box, nil
}

// send appends the record and makes sure that it is delivered. It appends first and then looks at the lock. A
// deliverer first releases its lock and then looks for records. So one of the two sees the other.
func (b *outbox) send(record []byte, c *Config) error {
	err := b.Append(record, c.Capacity, c.Durability == Power)
	if err == nil || errors.Is(err, spool.ErrFull) {
		b.deliver(c) // also if it is full: delivery makes room
	}
	return err
}

// deliverLeft delivers the beacons that earlier runs left.
func deliverLeft() {
	config := (*Config)(nil).orDefault()
	if config.failed != nil || os.Getenv(outboxVar) == outboxOff {
		return
	}
	if config.HonorDoNotTrack && doNotTrack() {
		purge(&config)
		return
	}
	if spool.Pending(config.Outbox) {
		if box, err := openOutbox(&config); err == nil {
			box.deliver(&config)
		}
	}
	adoptPages(&config)
}

func (b *outbox) deliver(c *Config) {
	if c.InProcess || !canDetach() {
		b.deliverInProcess(nil)
	} else {
		b.deliverDetached(c)
	}
}

// deliverDetached starts a deliverer, unless one runs. It takes the lock and passes it to the deliverer, so
// a second one can't start in between. If this process is killed between the two, the kernel frees the lock.
// Then beacons of senders that found it held wait for the next run.
func (b *outbox) deliverDetached(c *Config) {
	if b.config.Logger != silent && b.relays.CompareAndSwap(false, true) {
		b.relay.Skip() // what others have logged while no beacon of this process waited
		go b.relayWhileWaiting()
	}
	lock, err := b.TakeLock()
	if err != nil {
		b.complain("outbox can't be locked, will try again", err)
		b.deliverLater(c)
		return
	}
	if lock == nil {
		return
	}
	if err = detach(b.Dir(), lock, c.Patience); err == nil {
		lock.Close()
		return
	}
	b.complain("deliverer can't be started; delivering in this process", err)
	b.deliverInProcess(lock)
}

// relayWhileWaiting relays the detached deliverers' log while beacons of this process wait.
func (b *outbox) relayWhileWaiting() {
	defer b.relays.Store(false)
	for waiting := 1; waiting > 0; {
		time.Sleep(relayPause)
		waiting, _ = b.Waiting()
		b.relay.Next(b.config.Logger)
	}
}

// deliverLater tries again after laterPause to have the beacons of this process delivered.
func (b *outbox) deliverLater(c *Config) {
	if !b.later.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(laterPause, func() {
		b.later.Store(false)
		if n, err := b.Waiting(); err != nil || n > 0 {
			b.deliver(c)
		}
	})
}

// complain logs a failure that can repeat with every beacon, at most once in complainPause.
func (b *outbox) complain(what string, err error) {
	now := time.Now().Unix()
	if last := b.complained.Load(); now-last >= int64(complainPause/time.Second) && b.complained.CompareAndSwap(last, now) {
		b.config.Logger.Warn(what, "error", err)
	}
}

// deliverInProcess delivers in a goroutine until no beacon of this process waits. lock is the outbox's lock
// or nil. Senders that find it held rely on its holder.
func (b *outbox) deliverInProcess(lock *os.File) {
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if b.running.CompareAndSwap(false, true) {
		go b.deliverWaiting(lock)
	} else if lock != nil {
		lock.Close() // the goroutine takes it
	}
}

const (
	// This process holds the lock only while beacons wait: it may end at any time, and senders that find the
	// lock held rely on it.
	inProcessIdle = time.Millisecond
	lockPoll      = 250 * time.Millisecond // until this process delivers after another deliverer was killed
)

func (b *outbox) deliverWaiting(lock *os.File) {
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
			_, err = deliver.Drain(context.Background(), b.Outbox, lock, deliver.Deliverer{
				Fetch: b.client.Do, Idle: inProcessIdle, Wake: b.wake, Log: b.config.Logger,
				Program: program(),
			})
			lock = nil
		}
		if err != nil {
			b.complain("delivery stopped, will try again", err)
		}
		b.running.Store(false)
		// A sender in between saw that the goroutine runs, and woke it.
		n, err := b.Waiting()
		if err == nil && n == 0 && len(b.wake) == 0 || !b.running.CompareAndSwap(false, true) {
			return
		}
		if n > 0 || err != nil {
			time.Sleep(lockPoll) // another process delivers, or the disk failed
		}
	}
}

const flushPoll = 20 * time.Millisecond

// unfinished makes sure that the waiting beacons are being delivered, and returns how many wait.
func unfinished() (waiting int, failed error) {
	count := func(n int, err error) int {
		if err != nil {
			failed = err
			n = 1
		}
		waiting += n
		return n
	}
	outboxes.Range(func(_, v any) bool {
		b := v.(*outbox)
		waiting := count(b.Waiting())
		if b.config.Logger != silent {
			b.relay.Next(b.config.Logger)
		}
		if waiting > 0 {
			b.deliver(&b.config) // its deliverer may have been killed
		}
		return true
	})
	pageOutboxesMu.Lock()
	pages := slices.Collect(maps.Values(pageOutboxes))
	pageOutboxesMu.Unlock()
	for _, b := range pages {
		if count(b.Waiting()) > 0 {
			if _, err := openPageOutbox(&b.config); err != nil { // its delivery may have ended
				failed = err
			}
		}
	}
	return waiting, failed
}

func flush(ctx context.Context) error {
	tick := time.NewTicker(flushPoll)
	defer tick.Stop()
	for {
		waiting, failed := unfinished()
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
