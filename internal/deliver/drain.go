package deliver

import (
	"context"
	"errors"
	"os"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// NewClient returns a client with as many connections to an origin as a deliverer uses.
func NewClient() *fetch.Client { return fetch.NewClient(connections, nil) }

// Drain runs d on the outbox whose lock the caller holds, and releases the lock. Then it looks for records
// whose senders found the lock held: if there are any and the lock is free, it begins again. It returns
// whether beacons are left, because their servers can't be reached or because ctx is done.
func Drain(ctx context.Context, box *spool.Outbox, lock *os.File, d Deliverer) (left bool, err error) {
	for lock != nil {
		claim, err := box.Claim(lock)
		if err != nil {
			lock.Close()
			return true, err
		}
		d.Claim = claim
		left, err = d.Run(ctx)
		releaseErr := claim.Release()
		// The lock file may have been deleted alone. Then it was held for senders until now.
		if ctx.Err() != nil || !errors.Is(err, spool.ErrLost) && !claim.Missed() {
			return left, errors.Join(err, releaseErr)
		}
		if lock, err = box.TryLock(); err != nil {
			return left, err
		}
	}
	return false, nil
}
