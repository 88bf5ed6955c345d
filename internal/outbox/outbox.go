//go:build !js

// Package outbox keeps the beacons of this process on disk, and makes sure that a deliverer sends them: a
// detached process, which is this executable in another role, or a goroutine. A browser has no outbox: for js the
// package has only the rules of a header and the errors.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// defaultPatience is how long a deliverer continues while no server takes or refuses a beacon.
const defaultPatience = 10 * time.Minute

var (
	// ErrFull means that the outbox or its disk has no room.
	ErrFull = spool.ErrFull
	// ErrClosed means that the outbox was closed.
	ErrClosed = spool.ErrClosed
)

// A Config sets where an outbox is and how it is delivered.
type Config struct {
	Dir      string // an absolute path
	Capacity int64  // bytes on disk
	Durable  bool   // each record is on disk before Append returns
	// Client sends the requests of a delivery in this process. Default: one with the environment's network.
	Client *fetch.Client
	// InProcess means that only this process delivers, as no other one has its Client.
	InProcess bool
	// Logger may be nil.
	Logger *slog.Logger
}

// An Outbox is a spool that has a deliverer whenever beacons wait. It is safe for concurrent use.
type Outbox struct {
	*spool.Outbox
	config Config
	client *fetch.Client // of a delivery in this process
	silent bool          // nothing is logged
	log    *slog.Logger

	ctx    context.Context // until Close
	cancel context.CancelFunc
	mu     sync.Mutex // of closed, and of the Add of goroutines
	closed bool
	others sync.WaitGroup // goroutines

	wake       chan struct{} // to the goroutine that delivers
	delivering atomic.Bool   // that goroutine runs
	retrying   atomic.Bool   // retryLater waits
	relaying   atomic.Bool   // relayWhileWaiting runs
	relay      *deliver.Relay
	purged     atomic.Int64 // when Purge was called last, Unix time in seconds
	warned     atomic.Int64 // the last log line of warn, Unix time in seconds
}

const (
	warnPause  = 10 * time.Second
	retryPause = time.Second // until another try to start a deliverer
	relayPause = time.Second
)

// Open opens the outbox, and makes its directory, mode 0700, if it is missing.
func Open(c Config) (*Outbox, error) {
	program()
	s, err := spool.OpenOutbox(c.Dir)
	if err != nil {
		return nil, err
	}
	b := &Outbox{Outbox: s, config: c, client: c.Client, log: c.Logger, wake: make(chan struct{}, 1), relay: deliver.NewRelay(s.Dir())}
	if c.Logger == nil {
		b.silent, b.log = true, slog.New(slog.DiscardHandler)
	}
	if b.client == nil {
		b.client = deliver.NewClient()
	}
	if !b.silent {
		b.relay.Skip() // what deliverers have logged before
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Append appends a record and makes sure that it is delivered. It appends first and then looks at the lock. A
// deliverer first releases its lock and then looks for records. So one of the two sees the other. The error is
// ErrFull, ErrClosed or the disk's.
func (b *Outbox) Append(record []byte) error {
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	err := b.Outbox.Append(record, b.config.Capacity, b.config.Durable)
	if err == nil || errors.Is(err, ErrFull) {
		b.Deliver() // also if it is full: delivery makes room
	}
	return err
}

// Deliver makes sure that a deliverer runs.
func (b *Outbox) Deliver() {
	if b.config.InProcess || !detached.Load() {
		b.deliverInProcess(nil, false)
		return
	}
	b.deliverDetached()
}

// Pending reports whether the outbox in dir, or its pages' folders, may have beacons to deliver.
func Pending(dir string) bool {
	return spool.Pending(dir) || slices.ContainsFunc(PageDirs(dir), spool.Pending)
}

// DeliverLeft delivers the beacons that earlier processes left, those of pages included.
func (b *Outbox) DeliverLeft() {
	if spool.Pending(b.Dir()) {
		b.Deliver()
	}
	b.adoptPages()
}

// Close ends the goroutines and closes all files. Attempts under way in this process are cancelled. Beacons
// that wait stay in the outbox.
func (b *Outbox) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.others.Wait()
	b.client.CloseIdleConnections()
	return b.Outbox.Close()
}

// begin starts a goroutine that Close waits for. It returns false, and starts none, if the outbox is closed.
func (b *Outbox) begin(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.others.Go(f)
	}
	return !b.closed
}

// sleep returns false when the outbox is closed.
func (b *Outbox) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-b.ctx.Done():
		return false
	}
}

// deliverDetached starts a deliverer, unless one runs. It takes the lock and passes it to the deliverer, so
// a second one can't start in between. If this process is killed between the two, the kernel frees the lock.
// Then beacons of senders that found it held wait for the next run.
func (b *Outbox) deliverDetached() {
	if !b.silent && b.relaying.CompareAndSwap(false, true) {
		b.relay.Skip() // what others have logged while no beacon of this process waited
		b.begin(b.relayWhileWaiting)
	}
	lock, err := b.TakeLock()
	if err != nil {
		b.warn("outbox can't be locked, will try again", err)
		b.retryLater()
		return
	}
	if lock == nil {
		return
	}
	if err = b.detach(lock); err == nil {
		lock.Close()
		return
	}
	b.warn("deliverer can't be started; delivering in this process", err)
	b.deliverInProcess(lock, true)
}

// detach starts a deliverer that inherits the lock. If it dies before its time, this process delivers what
// waits.
func (b *Outbox) detach(lock *os.File) error {
	return startDeliverer(roleDeliverer, b.Dir(), lock, func(failed error) {
		if failed == nil {
			return
		}
		if b.ctx.Err() == nil && spool.Pending(b.Dir()) {
			b.warn("deliverer ended early; delivering in this process", failed)
			b.deliverInProcess(nil, true)
		}
	})
}

// relayWhileWaiting relays the detached deliverers' log while beacons of this process wait.
func (b *Outbox) relayWhileWaiting() {
	defer b.relaying.Store(false)
	for waiting := 1; waiting > 0 && b.sleep(relayPause); {
		waiting, _ = b.Waiting()
		b.relay.Next(b.log)
	}
}

// retryLater tries again after retryPause to have the beacons of this process delivered.
func (b *Outbox) retryLater() {
	if !b.retrying.CompareAndSwap(false, true) {
		return
	}
	b.begin(func() {
		again := b.sleep(retryPause)
		b.retrying.Store(false)
		if n, err := b.Waiting(); again && (err != nil || n > 0) {
			b.Deliver()
		}
	})
}

// warn logs a failure that can repeat with every beacon, at most once in warnPause.
func (b *Outbox) warn(what string, err error) {
	now := time.Now().Unix()
	if last := b.warned.Load(); now-last >= int64(warnPause/time.Second) && b.warned.CompareAndSwap(last, now) {
		b.log.Warn(what, "error", err)
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
