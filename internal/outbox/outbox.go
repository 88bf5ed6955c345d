//go:build !js

// Package outbox keeps the beacons of this process on disk, and makes sure that a deliverer sends them: a
// detached process, which is this executable in another role, or a goroutine. A browser has no outbox: for js the
// package has only the rules of a header and the errors.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// defaultCapacity is the most bytes of an outbox on disk.
const defaultCapacity = 16 << 20

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
	Capacity int64  // bytes on disk; by default 16 MiB
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

// warnPause is the least time between two log lines of warn.
const warnPause = 10 * time.Second

// Open opens the outbox, and makes its directory, mode 0700, if it is missing.
func Open(c Config) (*Outbox, error) {
	program()
	if c.Capacity <= 0 {
		c.Capacity = defaultCapacity
	}
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
	return slices.ContainsFunc(Folders(dir), spool.Pending)
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

// warn logs a failure that can repeat with every beacon, at most once in warnPause.
func (b *Outbox) warn(what string, err error) {
	now := time.Now().Unix()
	if last := b.warned.Load(); now-last >= int64(warnPause/time.Second) && b.warned.CompareAndSwap(last, now) {
		b.log.Warn(what, "error", err)
	}
}
