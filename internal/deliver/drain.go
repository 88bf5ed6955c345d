package deliver

import (
	"context"
	"crypto/tls"
	"os"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Drain runs d on the outbox in dir, whose lock the caller holds, and gives the lock up.
// Its connections use tls, which may be nil. It says whether anything is left.
func Drain(ctx context.Context, dir string, lock *os.File, tls *tls.Config, d Deliverer) (left bool, err error) {
	claim, err := spool.ClaimDir(dir, lock)
	if err != nil {
		lock.Close()
		return true, err
	}
	client := fetch.NewClient(connections, tls)
	defer client.Close()
	d.Claim, d.Fetch = claim, client.Do
	left, err = d.Run(ctx)
	if releaseErr := claim.Release(); err == nil {
		err = releaseErr
	}
	return left, err
}
