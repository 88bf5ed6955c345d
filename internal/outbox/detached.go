//go:build !js

package outbox

import (
	"errors"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// detached is whether deliverers may be started.
var detached atomic.Bool

// Detach lets the beacons of this process be delivered by detached processes from now on. It waits until
// deliveries in this process have ended, because the process may end next.
func Detach() {
	if !canDetach() {
		return
	}
	yielding.mu.Lock()
	detached.Store(true)
	yielding.mu.Unlock()
	yield()
	yielding.all.Wait()
}

// canDetach reports whether this executable, started again, takes the role. A Go library in the process of
// another program does not, nor does a set-uid program.
func canDetach() bool {
	if privileged() {
		return false
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return true
	}
	for _, s := range info.Settings {
		if s.Key == "-buildmode" && (s.Value == "c-shared" || s.Value == "c-archive" || s.Value == "plugin" || s.Value == "shared") {
			return false
		}
	}
	return true
}

const (
	retryPause = time.Second // until another try to start a deliverer
	relayPause = time.Second
)

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
		if failed == nil && !hasTried(b.Dir()) {
			failed = errors.New("it ended before it tried to send anything")
		}
		if failed != nil && b.ctx.Err() == nil && spool.Pending(b.Dir()) {
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
