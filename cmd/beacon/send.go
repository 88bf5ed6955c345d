package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func sendCommand() *cobra.Command {
	var kind, outbox string
	var form []string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "send URL [DATA | @FILE | -]",
		Short: "Send a beacon and return at once; it is delivered afterwards",
		Long: `Send a beacon and return at once. It is delivered afterwards, whatever becomes of the
caller, and kept until its server can be reached, for 24 hours.

DATA is sent as application/json if it is a JSON object or array, else as text/plain;
@FILE by the file's name; - is read from standard input, like DATA if it is text.

Status 0: the beacon is kept, and with --wait delivered. 1: it could not be kept (over 1 MiB, outbox
or disk full, BEACON_OUTBOX=off), or with --wait it was refused or not delivered in time. 2: the
arguments are wrong.`,
		Example: `  beacon send http://127.0.0.1:8080/deploys '{"version":"1.2.3"}'
  trap 'beacon send http://127.0.0.1:8080/exits "status $?"' EXIT
  beacon send --form user=ada --form log=@build.log http://127.0.0.1:8080/builds`,
		Args: between(1, 2, "a URL and at most one DATA"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return usagef("--wait %v is negative: write it like 5s", wait)
			}
			data, err := interruptible(cmd.Context(), func() (any, error) { return sendData(args[1:], kind, form) })
			if err != nil {
				return err
			}
			// Send returns Start's error too, after it has checked the URL.
			beacon.Start(beacon.Config{Dir: outbox, Logger: slog.New(plainLog{})})
			err = beacon.Send(args[0], data)
			if typeError := (*beacon.TypeError)(nil); errors.As(err, &typeError) {
				return usageError{errors.New(typeError.Reason)}
			}
			if err != nil || wait == 0 {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			return delivered(beacon.Flush(ctx), wait)
		},
	}
	cmd.Flags().StringVar(&kind, "type", "", "media `type` to send DATA as")
	cmd.Flags().StringArrayVar(&form, "form", nil, "send a form: a field as `name=value`, a file as name=@path; repeat for more")
	cmd.Flags().StringVar(&outbox, "outbox", "", "`directory` in which the beacon waits (default: the user's)")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait up to this `long` for the server's answer")
	return cmd
}

// delivered returns nil if the beacon of this process was delivered, and else why not.
func delivered(flushed error, wait time.Duration) error {
	s, err := beacon.Default().Status()
	if err != nil {
		return err
	}
	outcome, detail, url, err := spool.Outcomes(s.Outbox, os.Getpid())
	switch {
	case err != nil:
		return err
	case outcome == spool.Delivered:
		return nil
	case outcome != "":
		return fmt.Errorf("not delivered: %s %s", outcome, detail)
	}
	reason := "no answer yet"
	for _, l := range s.Lanes {
		if l.URL == url && l.LastError != "" {
			reason = l.LastError
		}
	}
	if flushed == nil {
		return errors.New("not delivered: its outcome is not known")
	}
	return fmt.Errorf("kept, but not delivered within %v: %s; it goes on being tried", wait, reason)
}

// interruptible calls read, and returns when it does or ctx is done: a pipe may never end.
func interruptible(ctx context.Context, read func() (any, error)) (any, error) {
	var data any
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		data, err = read()
	}()
	select {
	case <-done:
		return data, err
	case <-ctx.Done():
		return nil, errors.New("interrupted before the data was read: nothing was sent")
	}
}

func sendData(args []string, kind string, form []string) (any, error) {
	if len(form) > 0 {
		if len(args) > 0 || kind != "" {
			return nil, usagef("--form makes the whole body: leave out DATA and --type")
		}
		return formData(form)
	}
	if len(args) == 0 {
		if kind != "" {
			return nil, usagef("--type needs DATA: a beacon without a body has no type")
		}
		return nil, nil
	}
	data, guess, err := readData(args[0])
	switch {
	case err != nil:
		return nil, err
	case kind != "":
		if _, _, err := mime.ParseMediaType(kind); err != nil || strings.ContainsAny(kind, "\r\n") {
			return nil, usagef("--type %q is not a media type: write it like application/json", kind)
		}
		return beacon.Blob{Data: data, Type: kind}, nil
	case guess == "":
		return string(data), nil
	}
	return beacon.Blob{Data: data, Type: guess}, nil
}

// readData returns the bytes that an argument names and the type they seem to have, which
// is "" for text.
func readData(arg string) (data []byte, kind string, err error) {
	switch {
	case arg == "-":
		if data, err = readBounded(os.Stdin); err != nil {
			return nil, "", fmt.Errorf("standard input: %w", err)
		}
	case strings.HasPrefix(arg, "@"):
		data, err = readFile(arg[1:])
		if kind = mime.TypeByExtension(filepath.Ext(arg)); kind == "" {
			kind = "application/octet-stream"
		}
		return data, kind, err
	default:
		data = []byte(arg)
	}
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(data):
		kind = "application/json"
	case !utf8.Valid(data):
		kind = "application/octet-stream"
	}
	return data, kind, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	data, err := readBounded(f)
	if err != nil {
		return nil, usageError{err}
	}
	return data, nil
}

// mostData is more bytes than a beacon can have.
const mostData = 2 << 20

// readBounded reads enough to know that it is too much.
func readBounded(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, mostData)) }

func formData(fields []string) (any, error) {
	var form beacon.FormData
	for _, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return nil, usagef("--form %q: write it as name=value or name=@file", field)
		}
		path, isFile := strings.CutPrefix(value, "@")
		if !isFile {
			form.Append(name, value)
			continue
		}
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		form.AppendFile(name, filepath.Base(path), beacon.Blob{Data: data, Type: mime.TypeByExtension(filepath.Ext(path))})
	}
	return form, nil
}
