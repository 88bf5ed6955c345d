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
)

// Available reports whether this build can read the old table.
const Available = true

// Main sends the rows of the old table, the process's second argument, to stdout as the child of
// Run, and does not return.
func Main() {
	// The parent decides when the child ends, also where a signal goes to both.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // the parent is gone
	}()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "the path of the old table is missing")
		os.Exit(1)
	}
	out := bufio.NewWriterSize(os.Stdout, pipeBuffer)
	frame := beginFrame(nil, frameEnd)
	if err := send(out, os.Args[2]); err != nil {
		frame = append(beginFrame(nil, frameFailure), err.Error()...)
	}
	_, err := out.Write(endFrame(frame, 0))
	if err = errors.Join(err, out.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Without the engine's own end, which could fail and has nothing to do.
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
	if _, err := out.Write(endFrame(append(beginFrame(nil, frameHeader), payload...), 0)); err != nil {
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
