package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRunning is how many queries and exports run at a time.
	maxRunning = 4
	// maxWaiting is how many more wait for their turn.
	maxWaiting = 64
	// grace is how long after its timeout a process may go on before it is killed.
	grace = time.Second
)

// Role is the argument that makes an executable run Main.
const Role = "query-process"

const (
	processPrefix = "query-"  // folders of processes in Options.Temp
	exportPrefix  = "export-" // finished exports in Options.Temp
)

// Options say how query processes run.
type Options struct {
	// Command is the argv of a process; nil is this executable and Role.
	Command []string
	// Env is added to the process's environment, which has next to nothing of this process's.
	Env []string
	// Dir is the folder of the table, which a process reads. A process that waits keeps to the folder
	// that was there when it started, so it is not to be replaced by another.
	Dir string
	// Temp is a folder for what does not fit into memory, and for exports. New makes it, and
	// deletes what earlier processes left in it.
	Temp string
	// Memory is DuckDB's memory_limit in MiB; 0 is 256.
	Memory int
	// Threads is how many DuckDB uses for a query; 0 is one for each CPU.
	Threads int
	// Timeout is the longest that a query may take until its answer is complete; 0 is 30 s.
	Timeout time.Duration
	// Log is for processes that end early; nil is slog.Default().
	Log *slog.Logger
}

// A Pool runs queries and exports, each in a process of its own. Its methods are safe for
// concurrent use.
type Pool struct {
	o         Options
	turns     chan struct{} // one for each process at work
	exporting chan struct{} // one export at a time, so that queries have turns left
	waiting   atomic.Int64
	refused   refusals
	stats     struct{ running, started, killed, ended, refused atomic.Int64 }
	unconfine sync.Once // the log line about it

	mu       sync.Mutex
	closed   bool
	warm     *process
	confined bool
	all      sync.WaitGroup
	live     map[*process]bool
}

// New returns a Pool and starts its first process. Without an engine in this build it returns a
// Pool whose queries fail with ErrNoEngine.
func New(o Options) (*Pool, error) {
	if o.Command == nil {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own executable: %w", err)
		}
		o.Command = []string{exe, Role}
	}
	if o.Memory == 0 {
		o.Memory = 256
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	var err error
	for _, dir := range []*string{&o.Dir, &o.Temp} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, fmt.Errorf("query processes: %w", err)
		}
		if err := os.MkdirAll(*dir, 0o700); err != nil {
			return nil, fmt.Errorf("query processes: %w", err)
		}
	}
	if err := removeLeftovers(o.Temp); err != nil {
		return nil, fmt.Errorf("query processes: %w", err)
	}
	p := &Pool{o: o, turns: make(chan struct{}, maxRunning), exporting: make(chan struct{}, 1), live: map[*process]bool{}}
	if Available {
		p.startWarm()
	}
	return p, nil
}

// removeLeftovers deletes what a killed collector's processes left.
func removeLeftovers(temp string) error {
	entries, err := os.ReadDir(temp)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), processPrefix) || strings.HasPrefix(e.Name(), exportPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(temp, e.Name())))
		}
	}
	return err
}

// Stats are counts since New, and states.
type Stats struct {
	Running  int64 // queries and exports at work now
	Waiting  int64 // for their turn now
	Started  int64 // processes
	Killed   int64 // processes that were killed for time, disk or a client that left
	Ended    int64 // processes that a query ended
	Refused  int64 // queries that were refused, or found too many others waiting
	Confined bool  // Landlock restricts the newest process
}

// Stats returns the counts for metrics.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	confined := p.confined
	p.mu.Unlock()
	s := &p.stats
	return Stats{s.running.Load(), p.waiting.Load(), s.started.Load(), s.killed.Load(), s.ended.Load(), s.refused.Load(), confined}
}

// Close kills all processes, and returns when they have ended.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for proc := range p.live {
		proc.kill(ErrClosed)
	}
	p.mu.Unlock()
	p.all.Wait()
	return removeLeftovers(p.o.Temp)
}

// turn waits until fewer than maxRunning processes are at work. The caller calls release.
func (p *Pool) turn(ctx context.Context) (release func(), err error) {
	select {
	case p.turns <- struct{}{}:
	default:
		if p.waiting.Add(1) > maxWaiting {
			p.waiting.Add(-1)
			p.stats.refused.Add(1)
			return nil, failed(ErrBusy, "the table can't be asked now: %d queries wait already: try again later", maxWaiting)
		}
		defer p.waiting.Add(-1)
		select {
		case p.turns <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %d other queries to end: %w", maxRunning, context.Cause(ctx))
		}
	}
	p.stats.running.Add(1)
	return sync.OnceFunc(func() {
		p.stats.running.Add(-1)
		<-p.turns
	}), nil
}

// takeWarm returns a process for a query, and starts the next one.
func (p *Pool) takeWarm() (*process, error) {
	p.mu.Lock()
	proc := p.warm
	p.warm = nil
	p.mu.Unlock()
	defer func() { go p.startWarm() }()
	if proc != nil {
		select {
		case <-proc.done: // it was killed while it waited
		default:
			return proc, nil
		}
	}
	return p.start(p.o.Memory, p.o.Threads)
}

// take returns a process whose engine is open.
func (p *Pool) take(ctx context.Context, export bool) (proc *process, err error) {
	if export {
		// A few rows with large bodies need more memory than a query has. One thread writes one row
		// at a time.
		proc, err = p.start(4*p.o.Memory, 1)
	} else {
		proc, err = p.takeWarm()
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-proc.ready:
		return proc, nil
	case <-ctx.Done():
		proc.retire()
		return nil, context.Cause(ctx)
	case <-proc.done:
	}
	reason, killed := proc.ended()
	if errors.Is(killed, ErrClosed) {
		return nil, ErrClosed
	}
	p.o.Log.Error("query process did not start", "reason", reason, "error", killed, "stderr", proc.stderr.String())
	return nil, failed(ErrUnavailable, "the table can't be asked now: the engine's process did not start (%s): the log has more", reason)
}

// startWarm starts a process ahead of the query that will use it. Errors appear again with the query.
func (p *Pool) startWarm() {
	p.mu.Lock()
	needed := p.warm == nil && !p.closed
	p.mu.Unlock()
	if !needed {
		return
	}
	proc, err := p.start(p.o.Memory, p.o.Threads)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.warm == nil {
		p.warm = proc
		return
	}
	proc.retire()
}

// start starts a process and counts it.
func (p *Pool) start(memory, threads int) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	proc, err := start(&p.o, memory, threads)
	if err != nil {
		p.o.Log.Error("query process can't be started", "error", err)
		return nil, failed(ErrUnavailable, "the table can't be asked now: the engine's process can't be started: %v", err)
	}
	p.stats.started.Add(1)
	p.confined = proc.confined
	if !proc.confined {
		p.unconfine.Do(func() {
			p.o.Log.Warn("query processes run without Landlock", "hint", "a kernel with Landlock (Linux 5.13 or later) keeps them from all files but the table's")
		})
	}
	p.live[proc] = true
	p.all.Go(func() {
		<-proc.done
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.live, proc)
	})
	return proc, nil
}
