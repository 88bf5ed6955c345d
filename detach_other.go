//go:build !unix

package beacon

import (
	"errors"
	"os"
)

// Processes are not detached here: a lock can't be handed to a child.

const isDeliverer = false

func canDetach() bool { return false }

func startDetached() {
	config := (*Config)(nil).orDefault()
	if box, err := openOutbox(&config); err == nil {
		box.deliverInProcess()
	}
}

func detach(string, *os.File) error { return errors.ErrUnsupported }
