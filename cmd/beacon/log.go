package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
)

// plainLog writes a log record as one line for a person at a terminal.
type plainLog struct{}

func (plainLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (h plainLog) WithAttrs([]slog.Attr) slog.Handler         { return h }
func (h plainLog) WithGroup(string) slog.Handler              { return h }

func (plainLog) Handle(_ context.Context, r slog.Record) error {
	line := "beacon: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "reason" || a.Key == "error" {
			line += fmt.Sprintf(": %v", a.Value)
		} else {
			line += fmt.Sprintf(" (%s %v)", a.Key, a.Value)
		}
		return true
	})
	_, err := fmt.Fprintln(os.Stderr, line)
	return err
}

// newLog is the collector's log. An error of the network names its two ends, and no address
// gets through.
func newLog(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(withoutAddresses(err.Error()))
		}
		return a
	}}))
}

var addresses = regexp.MustCompile(`\[[0-9a-fA-F:.%\w]+\]:\d+|\d+\.\d+\.\d+\.\d+(:\d+)?`)

func withoutAddresses(text string) string {
	return addresses.ReplaceAllString(text, "(an address)")
}
