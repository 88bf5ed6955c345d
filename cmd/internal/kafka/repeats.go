package kafka

import (
	"time"

	"github.com/google/uuid"
)

const (
	// repeatsKept is how long the id of a beacon that was shipped again is remembered, at least.
	repeatsKept = 10 * time.Minute
	// mostRepeats is how many ids a generation has. Further ones replace the older generation sooner.
	mostRepeats = 1 << 19
)

// repeats are the ids of beacons that came with the mark of a repetition. The first copy can come behind it, without the
// mark: a request that a killed collector has sent waits at a broker, while the next process ships its beacons again. The
// zero value is ready. It is for one goroutine.
type repeats struct {
	newer, older map[uuid.UUID]struct{}
	since        time.Time // when newer began
}

// isAgain reports whether the topic may have the beacon already. marked is whether the record says so.
func (r *repeats) isAgain(id uuid.UUID, marked bool, now time.Time) bool {
	if marked {
		if r.newer == nil || len(r.newer) >= mostRepeats || now.Sub(r.since) > repeatsKept {
			r.newer, r.older, r.since = map[uuid.UUID]struct{}{}, r.newer, now
		}
		r.newer[id] = struct{}{}
		return true
	}
	if len(r.newer) == 0 && len(r.older) == 0 {
		return false
	}
	_, newer := r.newer[id]
	_, older := r.older[id]
	return newer || older
}
