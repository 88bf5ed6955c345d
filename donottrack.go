package beacon

import (
	"errors"
	"os"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// doNotTrack is the user's wish as the environment has it: DO_NOT_TRACK=1.
func doNotTrack() bool {
	switch os.Getenv("DO_NOT_TRACK") {
	case "", "0", "false":
		return false
	}
	return true
}

var errDoNotTrack = errors.New("DO_NOT_TRACK is set in the environment, and this program honors it")

// purge has the deliverers of the outbox, and of the pages' outboxes in it, end the beacons that were queued
// earlier. It makes no outbox.
func purge(c *Config) error {
	if _, err := os.Stat(c.Outbox); err != nil {
		return errDoNotTrack
	}
	box, err := openOutbox(c)
	if err != nil {
		return errors.Join(errDoNotTrack, err)
	}
	if now := time.Now().Unix(); box.purged.Swap(now) == now {
		return errDoNotTrack // once a second is enough
	}
	// Each folder has a mark for its own deliverer.
	var errs []error
	for _, dir := range append(pageDirs(box.Dir()), box.Dir()) {
		errs = append(errs, spool.ForbidTracking(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(errDoNotTrack, err)
	}
	if spool.Pending(box.Dir()) {
		box.deliver(c)
	}
	adoptPages(c)
	return errDoNotTrack
}
