package beacon

import (
	"errors"
	"fmt"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// Errors of a beacon that was not kept. Test for them with [errors.Is].
var (
	// ErrFull means that the outbox, or its disk, has no room. In a browser, 64 KiB of bodies are under way.
	ErrFull = outbox.ErrFull
	// ErrTooLarge means that the body is over [Config.MaxBody], or the URL over 64 KiB.
	ErrTooLarge = errors.New("beacon: too large")
	// ErrDoNotTrack means that the user asks not to be tracked, and that [Config.HonorDoNotTrack] is set.
	ErrDoNotTrack = outbox.ErrDoNotTrack
	// ErrDisabled means that [Config.Disabled], BEACON_OUTBOX=off or the build tag beacon_off turns sending off.
	ErrDisabled = outbox.ErrDisabled
	// ErrClosed means that the Sender is closed.
	ErrClosed = outbox.ErrClosed
)

// A TypeError is what the standards throw as TypeError: the call is wrong, and to retry it does not help.
type TypeError struct{ Reason string }

func (e *TypeError) Error() string { return "beacon: " + e.Reason }

func wrongScheme(url, scheme string) error {
	return typeErrorf("%q has the scheme %q: beacons go to http: and https: URLs only", url, scheme)
}

func typeErrorf(format string, args ...any) error {
	return &TypeError{fmt.Sprintf(format, args...)}
}
