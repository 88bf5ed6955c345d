//go:build !js

package outbox

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// Do carries out an order in each of an outbox's folders, and returns how many beacons it concerned. log may be
// nil.
func Do(ctx context.Context, dir string, order deliver.Order, log *slog.Logger) (n int, err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	err = Each(dir, func(folder string) error {
		box, err := spool.OpenOutbox(folder)
		if err != nil {
			return err
		}
		defer box.Close()
		some, err := deliver.Do(ctx, box, order, log)
		n += some
		return err
	})
	return n, err
}

// Each calls do for each of an outbox's folders, and returns the errors, except those of folders that are gone.
func Each(dir string, do func(folder string) error) error {
	var errs []error
	for _, folder := range Folders(dir) {
		if err := do(folder); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
