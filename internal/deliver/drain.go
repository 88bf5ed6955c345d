package deliver

import (
	"context"
	"os"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Drain runs d on the outbox in dir, whose lock the caller holds, and gives the lock up.
// It says whether anything is left.
func Drain(ctx context.Context, dir string, lock *os.File, d Deliverer) (left bool, err error) {
	claim, err := spool.ClaimDir(dir, lock)
	if err != nil {
		lock.Close()
		return true, err
	}
	client := fetch.NewClient(PerOrigin)
	defer client.Close()
	d.Claim, d.Fetch = claim, client.Do
	left, err = d.Run(ctx)
	if releaseErr := claim.Release(); err == nil {
		err = releaseErr
	}
	return left, err
}
