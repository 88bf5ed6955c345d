//go:build !js

package outbox

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	delivererIdle     = 5 * time.Second // it ends when no beacon has waited for so long
	delivererLifetime = time.Hour       // then another one replaces it, unless this one stays
	delivererMemory   = 32 << 20        // the garbage collector's limit, in bytes

	standbyPoll = 100 * time.Millisecond // how often a standby tries the lock
	standbyLook = time.Second            // how often it checks whether beacons wait
)

// patienceVar is how long a deliverer continues while no server takes or refuses a beacon, such as "10m".
const patienceVar = "BEACON_DELIVERER_PATIENCE"

// runDeliverer is the main function of a deliverer. file is the one that it inherits.
func runDeliverer(as role, dir string, file *os.File) {
	startedAs = as
	closeInherited()
	debug.SetMemoryLimit(delivererMemory)
	debug.SetGCPercent(400) // of a few MiB
	box, lock := takeOver(as, dir, file)
	if lock == nil {
		return
	}
	patience, err := time.ParseDuration(os.Getenv(patienceVar))
	if err != nil || patience <= 0 {
		patience = defaultPatience
	}
	client, log := deliver.NewClient(), deliver.NewLog(dir)
	var z zombies
	stay := func() bool { return z.stay(time.Now()) }
	for lock != nil {
		ctx, cancel := context.WithTimeout(context.Background(), delivererLifetime)
		_, err := deliver.Drain(ctx, box, lock, deliver.Deliverer{
			Fetch: client.Do, Idle: delivererIdle, Patience: patience, Stay: stay,
			OnAttempt: sync.OnceFunc(func() { resetStarts(dir) }),
			Log:       log, Program: program(),
		})
		if err != nil {
			log.Warn("delivery stopped", "error", err)
		}
		old := ctx.Err() != nil
		cancel()
		if !old {
			return // the next run delivers the rest
		}
		if lock, _ = box.TryLock(); lock != nil && !stay() && startDeliverer(roleDeliverer, dir, lock, func(error) {}) == nil {
			return
		}
	}
}

// takeOver opens the outbox and takes its lock. The lock is nil if the outbox was deleted, or if another
// process has the lock and no beacons wait.
func takeOver(as role, dir string, file *os.File) (*spool.Outbox, *os.File) {
	if !isFile(file, filepath.Join(dir, inheritedName)) {
		return nil, nil
	}
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return nil, nil
	}
	if inheritsLock && as == roleDeliverer {
		return box, file
	}
	return box, awaitLock(box, file)
}

// awaitLock takes the lock as soon as its holder releases it. It returns nil if no beacon has waited for some
// time.
func awaitLock(box *spool.Outbox, file *os.File) *os.File {
	defer file.Close()
	var looked time.Time
	busy := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, standbyPoll) {
		lock, err := box.TryLock()
		if err != nil || lock != nil {
			return lock
		}
		if now := time.Now(); now.Sub(looked) >= standbyLook {
			looked = now
			if now.Sub(busy) >= delivererIdle {
				// A process that starts no deliverer because of this file appended its beacon before.
				// So it is closed before the last look.
				file.Close()
			}
			if spool.Pending(box.Dir()) {
				busy = now
			} else if now.Sub(busy) >= delivererIdle {
				resetStarts(box.Dir())
				return nil
			}
		}
		time.Sleep(pause)
	}
}

// isFile reports whether f is the file with this name.
func isFile(f *os.File, name string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Stat(name)
	return err == nil && os.SameFile(ours, theirs)
}
