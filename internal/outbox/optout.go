//go:build !js

package outbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

var (
	// ErrDisabled means that sending is off.
	ErrDisabled = errors.New("sending is off")
	// ErrDoNotTrack means that DO_NOT_TRACK is honored.
	ErrDoNotTrack = errors.New("DO_NOT_TRACK is set in the environment, and this program honors it")
)

// Disabled returns why this process keeps no beacons, an error that wraps ErrDisabled, or nil.
func Disabled() error {
	switch {
	case compiledOff:
		return fmt.Errorf("%w: the program was built with the tag beacon_off", ErrDisabled)
	case os.Getenv(DirVar) == off:
		return fmt.Errorf("%w: %s=%s is set in the environment", ErrDisabled, DirVar, off)
	}
	return nil
}

// DoNotTrack reports whether the environment has DO_NOT_TRACK=1 or the like.
func DoNotTrack() bool {
	switch os.Getenv("DO_NOT_TRACK") {
	case "", "0", "false":
		return false
	}
	return true
}

// Purge ends the beacons that were appended earlier by programs that honor DO_NOT_TRACK, also those of other
// processes and of pages.
func (b *Outbox) Purge() error {
	if now := time.Now().Unix(); b.purged.Swap(now) == now {
		return nil // once a second is enough
	}
	// Each folder has a mark for its own deliverer.
	var errs []error
	for _, dir := range append(PageDirs(b.Dir()), b.Dir()) {
		errs = append(errs, spool.ForbidTracking(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.DeliverLeft()
	return nil
}

// shown is how many bytes of a body are printed.
const shown = 2 << 10

// Prints reports whether beacons are printed to standard error instead of kept.
func Prints() bool { return os.Getenv(DirVar) == printed }

// Print prints a beacon that is not kept.
func Print(method, url, contentType string, body []byte) {
	text := strings.ToValidUTF8(string(body[:min(len(body), shown)]), "\uFFFD")
	fmt.Fprintf(os.Stderr, "beacon: not sent, because of %s=%s: %s %s (%s, %d bytes): %s\n", DirVar, printed, method, url, contentType, len(body), text)
}
