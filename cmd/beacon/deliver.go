package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func deliverCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "deliver",
		Short: "Deliver an outbox's beacons until stopped, as a service or a sidecar",
		Long: `Deliver an outbox's beacons until stopped. While it runs no program that uses the same
outbox starts a deliverer of its own.`,
		Example: `  beacon deliver --outbox /var/spool/beacon`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := outboxOf(dir)
			if err != nil {
				return err
			}
			return stand(cmd.Context(), dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}
	outboxFlag(cmd.Flags(), &dir)
	return cmd
}

// stand delivers the outbox whenever no other process does, until ctx is done.
func stand(ctx context.Context, dir string, log *slog.Logger) error {
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return err
	}
	defer box.Close()
	client := deliver.NewClient()
	for ctx.Err() == nil {
		lock, err := box.TakeLock()
		if err == nil && lock != nil {
			log.Info("delivering", "outbox", box.Dir())
			_, err = deliver.Drain(ctx, box, lock, deliver.Deliverer{Fetch: client.Do, Log: log, Program: deliver.ThisProgram()})
		}
		if err != nil {
			// Such as the outbox's deletion, or a full disk.
			log.Warn("outbox can't be delivered now, will try again", "error", err)
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}
