package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func tailCommand() *cobra.Command {
	var c client
	var asJSON bool
	var last int
	var stream string
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show beacons as they arrive",
		Long: `Show the newest beacons and then those that arrive.

--stream chooses streams as the live page does: /shop is one stream, in /shop/* the star stands for any
characters, and a text that does not begin with / can be anywhere in the stream.`,
		Example: `  beacon tail
  beacon tail --stream '/shop/*'
  beacon tail --json --last 0 | jq .data`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 {
				return usagef("--last %d: say how many of the newest beacons to begin with, or 0", last)
			}
			body, err := c.get(cmd.Context(), "tail", url.Values{"last": {strconv.Itoa(last)}, "stream": {stream}})
			if err != nil {
				return err
			}
			defer body.Close()
			err = showTail(os.Stdout, body, asJSON)
			if cmd.Context().Err() != nil {
				return nil // the person ended it
			}
			return err
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each beacon as a line of JSON")
	cmd.Flags().StringVar(&stream, "stream", "", "`stream` or pattern of streams to show; without it all are shown")
	cmd.Flags().IntVar(&last, "last", 10, "how many of the newest beacons to begin with")
	return cmd
}

// showTail prints the events of a stream until it ends.
func showTail(w io.Writer, body io.Reader, asJSON bool) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 64<<20) // a beacon of the largest size, decoded
	event := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			event = value
		case "data":
			switch event {
			case "beacon":
				show := showBeacon
				if asJSON {
					show = showJSON
				}
				if err := show(w, value); err != nil {
					return err
				}
			case "skip":
				fmt.Fprintf(os.Stderr, "beacon: some came too fast to be shown: %s\n", value)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	return fmt.Errorf("tail: the collector ended the stream")
}

func showJSON(w io.Writer, text string) error {
	_, err := fmt.Fprintln(w, text)
	return err
}

func showBeacon(w io.Writer, text string) error {
	var b struct {
		ReceivedAt time.Time `json:"received_at"`
		Stream     string
		Kind       string
		Size       int
		Text       *string
		Data       json.RawMessage
		Error      *string
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	what := ""
	switch {
	case b.Data != nil && string(b.Data) != "null":
		what = string(b.Data)
	case b.Text != nil:
		what = strconv.Quote(*b.Text)
	}
	if b.Error != nil {
		what = strings.TrimSpace("(" + *b.Error + ") " + what)
	}
	if r := []rune(what); len(r) > 200 {
		what = string(r[:200]) + "…"
	}
	_, err := fmt.Fprintf(w, "%s  %-20s %-9s %6d  %s\n", b.ReceivedAt.Local().Format("15:04:05.000"), printable(b.Stream), b.Kind, b.Size, printable(what))
	return err
}

// printable replaces control characters, with which a beacon could send commands to the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
