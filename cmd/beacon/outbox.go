package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/datadir"
	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func outboxCommand() *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show which beacons wait and why, and what became of the others",
		Example: `  beacon outbox
  beacon outbox status --json
  beacon outbox retry`,
		Args: exactly(0, "one of its commands or nothing"),
		RunE: func(*cobra.Command, []string) error { return showStatus(dir, asJSON) },
	}
	outboxFlag(cmd.PersistentFlags(), &dir)
	cmd.PersistentPreRunE = func(sub *cobra.Command, _ []string) (err error) {
		if err := flagsFromEnvironment(sub); err != nil {
			return err
		}
		dir, err = outboxOf(dir)
		return err
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	status := &cobra.Command{
		Use: "status", Short: "Show the numbers, accepted = delivered + pending + dead, and why beacons wait",
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
			return outbox.Each(dir, func(d string) error { return flushOutbox(ctx, d) })
		},
	}
	flush.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this `long`; what waits stays")
	cmd.AddCommand(status, flush, outboxListCommand(&dir), outboxShowCommand(&dir), outboxDropCommand(&dir), outboxRetryCommand(&dir))
	return cmd
}

// outboxFlag adds the flag --outbox. Its variable is that of all programs that send.
func outboxFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "outbox", "", "`directory` of the outbox (default: that of BEACON_OUTBOX, else the user's)")
}

// outboxOf returns the directory of --outbox, or the user's.
func outboxOf(flag string) (string, error) {
	if flag == "" {
		dir, err := beacon.OutboxDir()
		if err != nil {
			return "", usageError{err}
		}
		return dir, nil
	}
	return datadir.Expand(flag), nil
}

// shownLanes is how many lanes the status shows.
const shownLanes = 20

func showStatus(dir string, asJSON bool) error {
	s, err := beacon.ReadStatus(dir)
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
	fmt.Fprintf(w, "    dropped\t%d\n", s.Dropped)
	fmt.Fprintf(w, "    damaged on disk\t%d\n", s.Corrupt)
	fmt.Fprintf(w, "    purged\t%d%s\n", s.Purged, purgedNote(s))
	fmt.Fprintf(w, "on disk\t%d bytes\n", s.Bytes)
	if s.DeadFiles > 0 {
		fmt.Fprintf(w, "files in dead/\t%d: 'beacon outbox list --dead' shows them, retry sends them again, drop --dead deletes them\n", s.DeadFiles)
	}
	w.Flush()
	showLanes(s)
	return err
}

// showLanes prints how many beacons wait for each URL, since when, and why.
func showLanes(s beacon.Status) {
	if len(s.Lanes) == 0 {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPENDING\tFOR\tNEXT ATTEMPT\tURL\tLAST ERROR")
	for _, l := range s.Lanes[:min(len(s.Lanes), shownLanes)] {
		next := "now"
		if in := time.Until(l.NextAttempt).Round(time.Second); in > 0 {
			next = "in " + in.String()
		}
		if !s.Delivering {
			next = "when a program sends, or 'beacon outbox flush'"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", l.Pending, age(l.Since), next, l.URL, cmp.Or(l.LastError, "-"))
	}
	w.Flush()
	if n := len(s.Lanes) - shownLanes; n > 0 {
		fmt.Printf("and %d more URLs: 'beacon outbox list' shows all beacons\n", n)
	}
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
	case s.Delivering && s.PID > 0:
		return fmt.Sprintf(", being delivered by process %d; the oldest is %s old", s.PID, age(s.Oldest))
	case s.Delivering:
		return fmt.Sprintf(", being delivered; the oldest is %s old", age(s.Oldest))
	}
	return fmt.Sprintf(", and no process delivers; the oldest is %s old: 'beacon outbox flush' delivers now", age(s.Oldest))
}

func purgedNote(s beacon.Status) string {
	if s.Forbidden.IsZero() {
		return ""
	}
	return fmt.Sprintf(", because a program that honors it found DO_NOT_TRACK set, last %s ago", age(s.Forbidden))
}

func age(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }

// flushOutbox delivers until no beacon waits, beside the outbox's deliverer if there is one.
func flushOutbox(ctx context.Context, dir string) error {
	box, err := spool.OpenOutbox(dir)
	if err != nil {
		return err
	}
	defer box.Close()
	defer showWaiting(dir)()
	log := slog.New(plainLog{})
	client := deliver.NewClient()
	began := time.Now()
	if spool.Pending(dir) {
		if _, err := deliver.Do(ctx, box, deliver.Order{Flush: true}, log); err != nil && ctx.Err() == nil {
			return err
		}
	}
	for spool.Pending(dir) {
		lock, err := box.TakeLock()
		if err == nil && lock != nil {
			_, err = deliver.Drain(ctx, box, lock, deliver.Deliverer{Fetch: client.Do, Idle: time.Millisecond, Log: log, Program: deliver.ThisProgram()})
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			beacon.Start(beacon.Config{Dir: dir}) // goes on delivering
			return stillWaiting(dir, time.Since(began))
		}
	}
	return nil
}

// stillWaiting returns an error that says how many beacons wait and why, or nil if none waits.
func stillWaiting(dir string, took time.Duration) error {
	s, err := beacon.ReadStatus(dir)
	if err != nil || s.Pending == 0 {
		return err
	}
	text := fmt.Sprintf("%d beacons still wait after %v", s.Pending, took.Round(100*time.Millisecond))
	for _, l := range s.Lanes[:min(len(s.Lanes), 3)] {
		text += fmt.Sprintf("\n  %d for %s: %s", l.Pending, l.URL, cmp.Or(l.LastError, "not tried yet, or the disk is full"))
	}
	return errors.New(text)
}

// showWaiting shows on a terminal how many beacons wait, until done is called.
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
			// To read a full outbox takes a while.
			case <-time.After(max(100*time.Millisecond, 10*time.Since(began))):
			case <-stop:
				fmt.Fprint(os.Stderr, "\r\x1b[K")
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
