package convert

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table/query"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// A process is the child that reads the old table. It is for one goroutine.
type process struct {
	ctx    context.Context
	path   string
	cmd    *exec.Cmd
	in     io.Closer // the child ends when it is closed
	out    *bufio.Reader
	stderr head
	ended  func() error // waits for the end of the process
}

const pipeBuffer = 256 << 10

// start starts the child, which ends when ctx is done or with this process.
func start(ctx context.Context, path string) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{ctx: ctx, path: path, cmd: exec.CommandContext(ctx, exe, Role, path)}
	p.cmd.Env = query.MinimalEnv()
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, pipeBuffer)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	// Best effort: when memory is short, Linux ends the child and not the collector.
	os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.cmd.Process.Pid), []byte("1000"), 0)
	p.ended = sync.OnceValue(p.cmd.Wait)
	return p, nil
}

// close ends the child.
func (p *process) close() {
	p.in.Close()
	p.cmd.Process.Kill()
	p.ended()
}

func (p *process) header() (h header, err error) {
	payload, err := p.expect(frameHeader)
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(payload, &h)
}

// rows returns all rows, sorted by day. It can be called once. Rows share no memory.
func (p *process) rows() iter.Seq2[row.Row, error] {
	return func(yield func(row.Row, error) bool) {
		for {
			payload, err := p.expect(frameRow)
			if err == io.EOF {
				return
			}
			var r row.Row
			if err == nil {
				r, err = parseRow(payload)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// expect returns the payload of the next frame, or io.EOF for frameEnd.
func (p *process) expect(want byte) ([]byte, error) {
	kind, payload, err := query.ReadFrame(p.out, maxFrame)
	switch {
	case p.ctx.Err() != nil:
		return nil, context.Cause(p.ctx)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		p.ended()
		if p.ctx.Err() != nil { // ctx may have ended the process
			return nil, context.Cause(p.ctx)
		}
		return nil, p.failure("the engine's process ended: " + p.exitReason())
	case err != nil:
		return nil, p.failure(err.Error())
	case kind == frameFailure:
		return nil, p.failure(string(payload))
	case kind == frameEnd && want == frameRow:
		return nil, io.EOF
	case kind != want:
		return nil, p.failure(fmt.Sprintf("the engine's process sent frame %q instead of %q", kind, want))
	}
	return payload, nil
}

// failure is the error for a file that the child could not read.
func (p *process) failure(reason string) error {
	reason = strings.TrimSpace(reason)
	if strings.Contains(reason, "Could not set lock") {
		return fmt.Errorf("%s is open in another process\nhint: end that process and start the collector again", p.path)
	}
	return fmt.Errorf("%s can't be read: %s\nhint: if it is damaged, move %[1]s and the files beside it away and start the collector again: the beacons in the inbox go into the new table", p.path, reason)
}

// exitReason returns why the child ended: the first line of its stderr, or its exit status.
func (p *process) exitReason() string {
	line, _, _ := strings.Cut(strings.TrimSpace(p.stderr.String()), "\n")
	if line == "" {
		return p.cmd.ProcessState.String()
	}
	return line
}

// A head keeps the first bytes that were written to it. It is safe for concurrent use.
type head struct {
	mu   sync.Mutex
	text []byte
}

const headSize = 4 << 10

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, b[:min(len(b), headSize-len(h.text))]...)
	return len(b), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text)
}
