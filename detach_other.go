//go:build !unix

package beacon

import (
	"errors"
	"os"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Processes are not detached here: a lock can't be handed to a child.

const isDeliverer = false

func canDetach() bool { return false }

func startDetached() {
	config := (*Config)(nil).orDefault()
	if config.HonorDoNotTrack && doNotTrack() {
		purge(&config)
		return
	}
	if spool.Pending(config.Outbox) {
		if box, err := openOutbox(&config); err == nil {
			box.deliver(&config)
		}
	}
}

func detach(string, *os.File, time.Duration) error { return errors.ErrUnsupported }
