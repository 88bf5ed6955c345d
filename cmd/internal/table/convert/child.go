//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
)

// Available reports whether this build can read the old table.
const Available = true

// Main is the child process of Run: it sends the rows of the old table, whose path is the second
// argument, to stdout. It does not return.
func Main() {
	// A terminal sends signals to both processes. The parent decides when the child ends.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // the parent has ended
	}()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "the path of the old table is missing")
		os.Exit(1)
	}
	out := bufio.NewWriterSize(os.Stdout, pipeBuffer)
	frame := query.BeginFrame(nil, frameEnd)
	if err := send(out, os.Args[2]); err != nil {
		frame = append(query.BeginFrame(nil, frameFailure), err.Error()...)
	}
	_, err := out.Write(query.EndFrame(frame))
	if err = errors.Join(err, out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Closing the engine has no use here, and could fail.
	os.Exit(0)
}

// send sends the header and the rows.
func send(out *bufio.Writer, path string) error {
	o, err := openOld(path)
	if err != nil {
		return err
	}
	h, days, err := o.describe()
	if err != nil {
		return err
	}
	payload, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := out.Write(query.EndFrame(append(query.BeginFrame(nil, frameHeader), payload...))); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, day := range days {
		if err := o.sendDay(out, day); err != nil {
			return err
		}
	}
	return nil
}
