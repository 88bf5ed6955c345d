package beacon

import (
	"errors"
	"fmt"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// The errors of a beacon that is not kept. [errors.Is] finds them.
var (
	// ErrFull means that the outbox, or its disk, has no room. In a browser, 64 KiB of bodies are under way.
	ErrFull = outbox.ErrFull
	// ErrTooLarge means that the body is over [Config.MaxBody], or the URL over 64 KiB.
	ErrTooLarge = errors.New("beacon: too large")
	// ErrDoNotTrack means that DO_NOT_TRACK is set in the environment, or its like in the browser, and
	// [Config.HonorDoNotTrack].
	ErrDoNotTrack = outbox.ErrDoNotTrack
	// ErrDisabled means that sending is off: by [Config.Disabled], by BEACON_OUTBOX=off in the environment, or
	// by the build tag beacon_off.
	ErrDisabled = outbox.ErrDisabled
	// ErrClosed means that the Sender is closed.
	ErrClosed = outbox.ErrClosed
)

// A TypeError is the exception of the standard: the call itself is wrong, and would be wrong again.
type TypeError struct{ Reason string }

func (e *TypeError) Error() string { return "beacon: " + e.Reason }

func typeErrorf(format string, args ...any) error {
	return &TypeError{fmt.Sprintf(format, args...)}
}
