package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
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
