package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func outboxCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show what waits to be delivered, and what became of the rest",
		Example: `  beacon outbox
  beacon outbox status --json
  beacon outbox retry`,
		Args: exactly(0, "status, flush, retry or drop"),
		RunE: func(*cobra.Command, []string) error { return showStatus(dir, asJSON) },
	}
	cmd.PersistentFlags().StringVar(&dir, "outbox", beacon.DefaultOutbox(), "`directory` of the outbox")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	status := &cobra.Command{
		Use: "status", Short: "Show the numbers: accepted = delivered + pending + dead",
		Example: `  beacon outbox status --json`,
		Args:    exactly(0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return showStatus(dir, asJSON) },
	}
	status.Flags().AddFlag(cmd.Flags().Lookup("json"))
	var timeout time.Duration
	flush := &cobra.Command{
		Use: "flush", Short: "Deliver what waits, and wait until that is done",
		Example: `  beacon outbox flush --timeout 1m`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := mustExist(dir); err != nil {
				return err
			}
			var errs []error
			for _, d := range append([]string{dir}, pageOutboxes(dir)...) {
				errs = append(errs, flushOutbox(ctx, d))
			}
			return errors.Join(errs...)
		},
	}
	flush.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this `long`; what waits stays")
	retry := &cobra.Command{
		Use: "retry", Short: "Put what is in dead/ back, to be delivered once more",
		Example: `  beacon outbox retry && beacon outbox flush`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := 0
			err := withClaims(cmd.Context(), dir, func(c *spool.Claim) error {
				again := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
				n, err := c.Revive(func(r *warc.Record) {
					r.Extra = append(r.Extra.Without(deliver.ExpiresField), warc.Field{Name: deliver.ExpiresField, Value: again})
				})
				all += n
				return err
			})
			if err == nil {
				fmt.Printf("%d beacons wait again and are being delivered; 'beacon outbox flush' waits for that.\n", all)
			}
			return err
		},
	}
	drop := &cobra.Command{
		Use: "drop", Short: "Delete what is in dead/",
		Example: `  beacon outbox drop`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := 0
			err := withClaims(cmd.Context(), dir, func(c *spool.Claim) error {
				n, err := c.DropDead()
				all += n
				return err
			})
			if err == nil {
				fmt.Printf("%d files deleted.\n", all)
			}
			return err
		},
	}
	cmd.AddCommand(status, flush, retry, drop)
	return cmd
}

// pageOutboxes are the folders of an outbox for the beacons of pages, but those of processes
// that are alive.
func pageOutboxes(dir string) (free []string) {
	dirs, _ := filepath.Glob(filepath.Join(dir, "pages", "*"))
	for _, d := range dirs {
		if s, err := spool.ReadStatus(d); err == nil && !s.Held {
			free = append(free, d)
		}
	}
	return free
}

// withClaims does it with an outbox, and with those of pages in it.
func withClaims(ctx context.Context, dir string, do func(*spool.Claim) error) error {
	if err := mustExist(dir); err != nil {
		return err
	}
	for _, d := range append([]string{dir}, pageOutboxes(dir)...) {
		if err := withClaim(ctx, d, do); err != nil {
			return err
		}
	}
	return nil
}

// withClaim waits for a deliverer at work to end, which it does soon after the last
// delivery.
func withClaim(ctx context.Context, dir string, do func(*spool.Claim) error) error {
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return err
	}
	defer box.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for said := false; ; said = true {
		lock, err := box.TryLock()
		if err != nil {
			return err
		}
		if lock != nil {
			c, err := box.Claim(lock)
			if err != nil {
				lock.Close()
				return err
			}
			err = do(c)
			if releaseErr := c.Release(); err == nil {
				err = releaseErr
			}
			// Who sent meanwhile found the lock held, and counts on its holder.
			beacon.Start(beacon.Config{Outbox: dir})
			return err
		}
		if !said {
			fmt.Fprintln(os.Stderr, "A deliverer is at work; waiting for it to end …")
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the outbox %s is being delivered: end that process, or try again later", dir)
		}
	}
}

func showStatus(dir string, asJSON bool) error {
	s, err := (&beacon.Config{Outbox: dir}).Status()
	if errors.Is(err, fs.ErrNotExist) {
		return mustExist(dir)
	}
	if asJSON {
		return errors.Join(json.NewEncoder(os.Stdout).Encode(s), err)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "outbox\t%s\n", dir)
	fmt.Fprintf(w, "accepted\t%d\n", s.Accepted)
	fmt.Fprintf(w, "  delivered\t%d\n", s.Delivered)
	fmt.Fprintf(w, "  pending\t%d%s\n", s.Pending, pendingNote(s))
	fmt.Fprintf(w, "  dead\t%d\n", s.Dead)
	fmt.Fprintf(w, "    refused by the server\t%d\n", s.Refused)
	fmt.Fprintf(w, "    expired\t%d\n", s.Expired)
	fmt.Fprintf(w, "    damaged on disk\t%d\n", s.Corrupt)
	fmt.Fprintf(w, "    purged\t%d%s\n", s.Purged, purgedNote(s))
	fmt.Fprintf(w, "on disk\t%d bytes\n", s.Bytes)
	if s.DeadFiles > 0 {
		fmt.Fprintf(w, "in dead/\t%d files: 'beacon outbox retry' sends them again, 'beacon outbox drop' deletes them\n", s.DeadFiles)
	}
	return errors.Join(w.Flush(), err)
}

func mustExist(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no outbox at %s: nothing was sent yet, or name it with --outbox", dir)
	}
	return nil
}

func pendingNote(s beacon.Status) string {
	switch {
	case s.Pending == 0:
		return ""
	case s.Delivering:
		return fmt.Sprintf(", being delivered; the oldest is %s old", age(s.Oldest))
	default:
		return fmt.Sprintf(", nobody is delivering; the oldest is %s old: 'beacon outbox flush' delivers now", age(s.Oldest))
	}
}

func purgedNote(s beacon.Status) string {
	if s.Forbidden.IsZero() {
		return ""
	}
	return fmt.Sprintf(", as a program that honors it found DO_NOT_TRACK set, last %s ago", age(s.Forbidden))
}

func age(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }

// flushOutbox delivers until nothing waits, beside whoever else does.
func flushOutbox(ctx context.Context, dir string) error {
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return err
	}
	defer box.Close()
	defer showWaiting(dir)()
	client := deliver.NewClient(nil)
	began := time.Now()
	for spool.Pending(dir) {
		lock, err := box.TryLock()
		if err == nil && lock != nil {
			_, err = deliver.Drain(ctx, box, lock, deliver.Deliverer{Fetch: client.Do, Idle: time.Millisecond, Log: slog.New(plainLog{})})
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			beacon.Start(beacon.Config{Outbox: dir}) // it goes on being tried
			s, err := spool.ReadStatus(dir)
			if err != nil || s.Pending == 0 {
				return err
			}
			return fmt.Errorf("%d beacons still wait after %v: their server can't be reached or can't take them, or the disk is full", s.Pending, time.Since(began).Round(100*time.Millisecond))
		}
	}
	return nil
}

// showWaiting shows a person how many beacons wait, until done is called.
func showWaiting(dir string) (done func()) {
	if !isTerminal(os.Stderr) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			began := time.Now()
			if s, err := spool.ReadStatus(dir); err == nil {
				fmt.Fprintf(os.Stderr, "\r%d waiting \x1b[K", s.Pending)
			}
			select {
			// A full outbox takes a while to read.
			case <-time.After(max(100*time.Millisecond, 10*time.Since(began))):
			case <-stop:
				fmt.Fprint(os.Stderr, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
