package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"os"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// NewClient returns a user agent with as many connections to an origin as a deliverer
// makes use of. The roots and certificates of tls, which may be nil, are the client's.
func NewClient(tls *tls.Config) *fetch.Client { return fetch.NewClient(connections, tls) }

// Drain runs d on the outbox whose lock the caller holds, gives the lock up, and looks
// then for records whose senders found it held: if there are any and nobody else has the
// lock by now, it begins again. It says whether anything is left, of servers that can't be
// reached or because ctx is done.
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
		// The lock may have been deleted alone, and been found held as long as we had it.
		if ctx.Err() != nil || !errors.Is(err, spool.ErrLost) && !claim.Missed() {
			return left, errors.Join(err, releaseErr)
		}
		if lock, err = box.TryLock(); err != nil {
			return left, err
		}
	}
	return false, nil
}
