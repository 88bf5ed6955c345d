package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

// A listedBeacon is a line of `beacon outbox list`.
type listedBeacon struct {
	ID      uuid.UUID     `json:"id"`
	Sent    time.Time     `json:"sent"`
	Bytes   int           `json:"bytes"` // of the body
	URL     string        `json:"url"`
	Outcome spool.Outcome `json:"outcome,omitempty"` // of one in dead/
	Reason  string        `json:"reason,omitempty"`
}

func outboxListCommand(dir *string) *cobra.Command {
	var dead, asJSON bool
	var origin string
	cmd := &cobra.Command{
		Use: "list", Short: "List the beacons that wait, or those in dead/",
		Example: `  beacon outbox list
  beacon outbox list --origin https://beacons.example
  beacon outbox list --dead`,
		Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) (err error) {
			if origin, err = originOf(origin); err != nil {
				return err
			}
			if err := mustExist(*dir); err != nil {
				return err
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			if !asJSON {
				fmt.Fprintln(w, "ID\tSENT\tBYTES\tURL\tREASON")
			}
			out := json.NewEncoder(os.Stdout)
			err = outbox.Each(*dir, func(d string) error {
				waits := deliver.ReadWaits(d)
				return spool.List(d, dead, func(l *spool.Listed) bool {
					if dead != (l.Outcome != "") || origin != "" && deliver.OriginOf(l.Record.Target) != origin {
						return true
					}
					b := listedBeacon{l.Record.ID, l.Record.Date, len(l.Record.Request.Body), l.Record.Target, l.Outcome, l.Detail}
					if b.Outcome == "" {
						b.Reason = waits.Of(&l.Record).Error
					}
					if asJSON {
						return out.Encode(b) == nil
					}
					reason := b.Reason
					if b.Outcome != "" {
						reason = strings.TrimSpace(string(b.Outcome) + " " + reason)
					}
					_, err := fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", b.ID, b.Sent.Local().Format(time.DateTime), b.Bytes, b.URL, reason)
					return err == nil
				})
			})
			return errors.Join(w.Flush(), err)
		},
	}
	cmd.Flags().BoolVar(&dead, "dead", false, "list the beacons in dead/ instead")
	cmd.Flags().StringVar(&origin, "origin", "", "only those for this `origin`, such as https://beacons.example")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

func outboxShowCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print one beacon: its request, and why it waits or was not delivered",
		Example: `  beacon outbox show 0199e2b4-6a55-7b1e-9c64-0a4f3f1a2b3c`,
		Args:    exactly(1, "one ID, as list prints it"),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return usagef("%q is not an ID: 'beacon outbox list' prints them", args[0])
			}
			if err := mustExist(*dir); err != nil {
				return err
			}
			found := false
			err = outbox.Each(*dir, func(d string) error {
				return spool.List(d, true, func(l *spool.Listed) bool {
					if l.Record.ID != id {
						return true
					}
					found = true
					showRecord(l, deliver.ReadWaits(d))
					return false
				})
			})
			if err == nil && !found {
				err = fmt.Errorf("no beacon %s waits or is in dead/: it was delivered, dropped, or is in another outbox (--outbox)", id)
			}
			return err
		},
	}
}

func showRecord(l *spool.Listed, waits deliver.Waits) {
	r := &l.Record
	state := "waits"
	if l.Outcome != "" {
		state = strings.TrimSpace(string(l.Outcome) + " " + l.Detail)
	} else if why := waits.Of(r).Error; why != "" {
		state += ": " + why
	}
	fmt.Printf("id       %s\nsent     %s\nstate    %s\n", r.ID, r.Date.Local().Format(time.RFC3339), state)
	if expires := r.Extra.Get(deliver.ExpiresField); expires != "" {
		fmt.Printf("expires  %s\n", expires)
	}
	fmt.Printf("\n%s %s\n", r.Request.Method, r.Target)
	for _, f := range r.Request.Header {
		fmt.Printf("%s: %s\n", f.Name, f.Value)
	}
	switch body := r.Request.Body; {
	case len(body) == 0:
	case utf8.Valid(body):
		fmt.Printf("\n%s\n", body)
	default:
		fmt.Printf("\n(%d bytes that are not text)\n", len(body))
	}
}
