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

	"golang.org/x/time/rate"
)

const (
	// maxRunning is how many queries and exports run at a time.
	maxRunning = 4
	// maxPerSecond is how many begin in a second, after the first maxBurst at once. Each starts a
	// process, which takes 0.03 s of CPU time: more would slow the answers to beacons.
	maxPerSecond, maxBurst = 10, 32
	// maxWaiting is how many more may wait for a slot.
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
	// Env is added to the process's environment, which has only a few variables of this process.
	Env []string
	// Dir is the folder of the table, which a process reads. It must not be replaced by another folder:
	// a process that waits for a query still reads the earlier one.
	Dir string
	// Temp is a folder for temporary files of queries, and for exports. New makes it, and deletes files
	// of earlier processes in it.
	Temp string
	// Memory is DuckDB's memory_limit in MiB; 0 is 256.
	Memory int
	// Threads is the number of DuckDB's threads; 0 is GOMAXPROCS.
	Threads int
	// Timeout is how long a query may take until its answer is complete; 0 is 30 s.
	Timeout time.Duration
	// Log is for errors of processes; nil is slog.Default().
	Log *slog.Logger
}

// A Pool runs queries and exports, each in a process of its own. Its methods are safe for
// concurrent use.
type Pool struct {
	o         Options
	slots     chan struct{} // an entry for each running query or export
	starts    *rate.Limiter
	exporting chan struct{} // an entry for the running export: queries have the other slots
	waiting   atomic.Int64
	refused   refusals
	stats     struct{ running, started, killed, ended, refused atomic.Int64 }
	warnOnce  sync.Once // of the missing Landlock

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
	p := &Pool{o: o, slots: make(chan struct{}, maxRunning), starts: rate.NewLimiter(maxPerSecond, maxBurst), exporting: make(chan struct{}, 1), live: map[*process]bool{}}
	if Available {
		p.startWarm()
	}
	return p, nil
}

// removeLeftovers deletes the files of processes of a collector that was killed.
func removeLeftovers(temp string) error {
	entries, err := os.ReadDir(temp)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), processPrefix) || strings.HasPrefix(e.Name(), exportPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(temp, e.Name())))
		}
	}
	return err
}

// Stats are counts since New, and the current state.
type Stats struct {
	Running  int64 // queries and exports that run now
	Waiting  int64 // queries and exports that wait for a slot now
	Started  int64 // processes
	Killed   int64 // processes that were killed for time, memory or disk, or because the client left
	Ended    int64 // processes that ended because of a query
	Refused  int64 // queries with ErrRefused or ErrBusy
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

// slot waits until fewer than maxRunning queries and exports run. The caller calls release.
func (p *Pool) slot(ctx context.Context) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
	default:
		if p.waiting.Add(1) > maxWaiting {
			p.waiting.Add(-1)
			p.stats.refused.Add(1)
			return nil, failed(ErrBusy, "the table can't be queried now: %d queries wait already: try again later", maxWaiting)
		}
		defer p.waiting.Add(-1)
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %d other queries to end: %w", maxRunning, context.Cause(ctx))
		}
	}
	if err := p.starts.Wait(ctx); err != nil {
		<-p.slots
		return nil, fmt.Errorf("wait for a slot: %w", err)
	}
	p.stats.running.Add(1)
	return sync.OnceFunc(func() {
		p.stats.running.Add(-1)
		<-p.slots
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
		case <-proc.done: // it ended while it waited
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
	return nil, failed(ErrUnavailable, "the table can't be queried now: the engine's process did not start (%s): the log has more", reason)
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
		return nil, failed(ErrUnavailable, "the table can't be queried now: the engine's process can't be started: %v", err)
	}
	p.stats.started.Add(1)
	p.confined = proc.confined
	if !proc.confined {
		p.warnOnce.Do(func() {
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
