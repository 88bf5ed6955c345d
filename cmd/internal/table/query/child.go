//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Available reports whether this build has an engine.
const Available = true

// Main is the child process of a Pool: it answers one question on stdin and stdout. It does not return.
func Main() {
	// A terminal sends an interrupt to all processes. The collector decides when this one ends.
	signal.Ignore(os.Interrupt)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "query process:", err)
		os.Exit(1)
	}
	select {} // the parent kills it
}

func serve(stdin io.Reader, stdout io.Writer) error {
	in := bufio.NewReader(stdin)
	var s setup
	if err := expect(in, frameSetup, &s); err != nil {
		return err
	}
	if err := limitResources(s.Memory); err != nil {
		return fmt.Errorf("limit resources: %w", err)
	}
	if err := filterSyscalls(); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	e, err := openEngine(s)
	if err != nil {
		return fmt.Errorf("open engine: %w", err)
	}
	if err := writeFrame(stdout, frameReady, nil); err != nil {
		return err
	}
	var q question
	if err := expect(in, frameQuestion, &q); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, in)
		os.Exit(0) // the parent has ended
	}()
	if err := writeFrame(stdout, frameStarted, nil); err != nil {
		return err
	}
	err = e.answer(q, &output{w: stdout})
	if f := (*failure)(nil); errors.As(err, &f) {
		return writeJSON(stdout, frameFailure, f)
	}
	return err
}

// expect reads a frame of this type. At the end of in, when the parent has ended, it ends the process.
func expect(in io.Reader, want byte, into any) error {
	kind, payload, err := readFrame(in)
	switch {
	case errors.Is(err, io.EOF):
		os.Exit(0)
	case err != nil:
		return fmt.Errorf("read frame: %w", err)
	case kind != want:
		return fmt.Errorf("read frame: got %q, want %q", kind, want)
	}
	return json.Unmarshal(payload, into)
}

func (f *failure) Error() string { return f.Text }

// output sends an answer.
type output struct {
	w     io.Writer
	batch []byte
}

func (o *output) columns(names []string) error { return writeJSON(o.w, frameColumns, names) }

// row adds a row, without its line feed. It sends the rows when there are enough.
func (o *output) row(line []byte) error {
	if len(line) > maxRow {
		return &failure{kindSQL, fmt.Sprintf("a row of the answer has %d MiB, and at most %d are answered: select fewer or shorter values", len(line)>>20, maxRow>>20)}
	}
	o.batch = append(append(o.batch, line...), '\n')
	if len(o.batch) >= rowsFrame {
		return o.flush()
	}
	return nil
}

func (o *output) flush() error {
	if len(o.batch) == 0 {
		return nil
	}
	err := writeFrame(o.w, frameRows, o.batch)
	o.batch = o.batch[:0]
	return err
}

func (o *output) end() error {
	if err := o.flush(); err != nil {
		return err
	}
	return writeFrame(o.w, frameEnd, nil)
}
