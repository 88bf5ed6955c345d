package outbox

import (
	"errors"
	"fmt"
)

// These are the errors of a sender in a browser.
var (
	ErrFull       = errors.New("the browser has 64 KiB of bodies under way")
	ErrClosed     = errors.New("the sender is closed")
	ErrDisabled   = errors.New("sending is off")
	ErrDoNotTrack = errors.New("the browser's user has turned tracking off, and this program honors it")
	ErrNoOutbox   = fmt.Errorf("%w: a browser has no outbox", errors.ErrUnsupported)
)

// Disabled returns an error that wraps ErrDisabled if the program was built without sending.
func Disabled() error {
	if compiledOff {
		return fmt.Errorf("%w: the program was built with the tag beacon_off", ErrDisabled)
	}
	return nil
}

// Detach does nothing, because a browser starts no processes.
func Detach() {}

// UserDir returns ErrNoOutbox.
func UserDir() (string, error) { return "", ErrNoOutbox }

// Prints returns false, because a browser has no environment.
func Prints() bool { return false }

// Print does nothing.
func Print(method, url, contentType string, body []byte) {}
