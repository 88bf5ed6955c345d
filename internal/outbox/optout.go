//go:build !js

package outbox

import (
	"errors"
	"fmt"
	"os"
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

// Forbidden returns why nothing may be kept, or nil. honor means that DO_NOT_TRACK counts. Then the earlier beacons
// in dir, if there is an outbox, are ended through what open returns.
func Forbidden[B interface{ Purge() error }](honor bool, dir string, open func() (B, error)) error {
	if err := Disabled(); err != nil || !honor || !DoNotTrack() {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return ErrDoNotTrack // and makes no outbox
	}
	box, err := open()
	if err == nil {
		err = box.Purge()
	}
	if err != nil {
		return fmt.Errorf("%w; earlier beacons can't be deleted: %w", ErrDoNotTrack, err)
	}
	return ErrDoNotTrack
}

// Purge ends the beacons that were appended earlier by programs that honor DO_NOT_TRACK, also those of other
// processes and of pages.
func (b *Outbox) Purge() error {
	if now := time.Now().Unix(); b.purged.Swap(now) == now {
		return nil // once a second is enough
	}
	// Each folder has a mark for its own deliverer.
	var errs []error
	for _, dir := range Folders(b.Dir()) {
		errs = append(errs, spool.ForbidTracking(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.DeliverLeft()
	return nil
}
