//go:build !unix

package beacon

import (
	"errors"
	"os"
	"time"
)

// Processes are not detached here: a lock can't be handed to a child.

const isDeliverer = false

func canDetach() bool { return false }

func startDetached() { deliverLeft() }

func startHeir(string, time.Duration, func()) error { return errors.ErrUnsupported }

func detach(string, *os.File, time.Duration) error { return errors.ErrUnsupported }
