//go:build !js

package outbox

import (
	"context"
	"fmt"
	"time"
)

const flushPoll = 20 * time.Millisecond

// Flush waits until every beacon that this process appended has an outcome. The error wraps ctx's, with the
// number of beacons that still wait, or is ErrClosed.
func (b *Outbox) Flush(ctx context.Context) error {
	return flush(ctx, b.ctx, func() (int, error) {
		n, err := b.Waiting()
		if !b.silent {
			b.relay.Next(b.log)
		}
		if n > 0 || err != nil {
			b.Deliver() // its deliverer may have been killed
		}
		return n, err
	})
}

// flush calls waiting until it returns 0 beacons and no error, or until open ends.
func flush(ctx, open context.Context, waiting func() (int, error)) error {
	tick := time.NewTicker(flushPoll)
	defer tick.Stop()
	for {
		n, err := waiting()
		if n == 0 && err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-open.Done():
			return ErrClosed
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("%w (%w)", ctx.Err(), err)
			}
			return fmt.Errorf("%d beacons wait for their server and stay in the outbox: %w", n, ctx.Err())
		}
	}
}
