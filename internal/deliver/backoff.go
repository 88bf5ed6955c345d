package deliver

import (
	"math/rand/v2"
	"time"
)

const (
	backoffBase = 100 * time.Millisecond
	backoffCap  = 30 * time.Second
	// A server that asks for more is asked again after this long all the same.
	maxRetryAfter = time.Hour
)

// backoff is exponential with full jitter: after the n-th failure in a row, 1 being the
// first, a time between none and the base doubled n times, at most the cap.
func backoff(n int) time.Duration {
	top := backoffCap
	if n < 16 {
		top = min(top, backoffBase<<n)
	}
	return rand.N(top)
}
