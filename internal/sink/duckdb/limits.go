//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

const (
	// maxQueries is how many queries run at a time; more wait.
	maxQueries = 4
	// defaultTimeout is the longest that a query may take where nobody says.
	defaultTimeout = 30 * time.Second
	// restMemory is the engine's memory in MiB between transactions: what it remembers of the
	// file. The process has some 100 MiB beside it.
	restMemory = 64
	// idleMemory is what the whole process is expected to hold without queries, in MiB.
	idleMemory = 256
	// stuckAfter is how long a query that may not go on keeps its turn. What the engine can't
	// interrupt goes on, and holds nobody up.
	stuckAfter = 5 * time.Second
	// watchEvery is how often the process's memory is looked at while queries run. What
	// aggregates gather is not in the engine's own account.
	watchEvery = 10 * time.Millisecond
)

// queryThreads is how many the engine may use for queries, before serve makes them one more.
var queryThreads = runtime.GOMAXPROCS(0)

// queries are those that run, and what they may take together.
type queries struct {
	slots chan struct{}

	mu      sync.Mutex
	running map[*context.CancelCauseFunc]bool
	memory  int         // MiB that the engine may take while there are some
	writers map[int]int // how many write now that may take so many MiB
	ended   chan struct{}
}

func newQueries() *queries {
	return &queries{slots: make(chan struct{}, maxQueries), running: map[*context.CancelCauseFunc]bool{}, writers: map[int]int{}}
}

// begin waits for a turn. The context that it returns ends when the query may not go on, or when
// limit, if there is one, has passed before timely is called; its cause is then for the person who
// asked.
func (db *DB) begin(ctx context.Context, limit time.Duration) (_ context.Context, timely, end func(), err error) {
	q := db.queries
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, nil, fmt.Errorf("wait for %d other queries to end: %w", maxQueries, ctx.Err())
	}
	leave := sync.OnceFunc(func() { <-q.slots })
	ctx, stop := context.WithCancelCause(ctx)
	context.AfterFunc(ctx, func() { time.AfterFunc(stuckAfter, leave) })
	timely = func() {}
	if limit > 0 {
		timer := time.AfterFunc(limit, func() {
			stop(fmt.Errorf("it took longer than %v: ask about less, such as a shorter time, or start the collector with a longer --query-timeout", limit))
		})
		timely = func() { timer.Stop() }
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running[&stop] = true
	if len(q.running) == 1 {
		q.ended = make(chan struct{})
		db.allow()
		go q.watch(q.ended)
	}
	return ctx, timely, sync.OnceFunc(func() {
		timely()
		stop(nil)
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.running, &stop)
		if len(q.running) == 0 {
			close(q.ended)
			db.allow()
			trimMemory()
		}
		leave()
	}), nil
}

// take lets the engine take so many MiB for who writes, until the returned function is called:
// a commit may be a checkpoint, which holds the newest rows in memory, be they large.
func (db *DB) take(mib int) (rest func()) {
	q := db.queries
	change := func(by int) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.writers[mib] += by; q.writers[mib] == 0 {
			delete(q.writers, mib)
		}
		db.allow()
	}
	change(1)
	return func() { change(-1) }
}

// remind tells the engine what it may take where nothing has changed.
func (db *DB) remind() {
	db.queries.mu.Lock()
	defer db.queries.mu.Unlock()
	db.allow()
}

// allow tells the engine what it may take now; the caller holds the lock of queries. Memory can't
// go below what is in use, and is told again after the next query, or transaction that takes much.
func (db *DB) allow() {
	conn, err := db.conn(context.Background())
	if err != nil {
		return // who asks hears of it
	}
	defer conn.Close()
	conn.ExecContext(context.Background(), db.queries.settings())
}

// settings have one thread where there are no queries: with two, one looks on in a busy loop while
// the other works for Drain.
func (q *queries) settings() string {
	memory, threads := restMemory, 1
	for mib := range q.writers {
		memory = max(memory, mib)
	}
	if len(q.running) > 0 {
		memory, threads = q.memory, queryThreads
	}
	return fmt.Sprintf("set global threads = %d; set global memory_limit = '%dMiB'", threads, memory)
}

// starved says whether the engine failed for want of memory. A failed commit has lost the
// type of its error.
func starved(err error) bool {
	var e *duckdb.Error
	return errors.As(err, &e) && (e.Type == duckdb.ErrorTypeOutOfMemory || strings.Contains(e.Msg, "failed to pin block") || strings.Contains(e.Msg, "failed to allocate") || strings.Contains(e.Msg, "could not allocate"))
}

// watch ends all queries when the process has grown over what they may take.
func (q *queries) watch(ended chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	most := max(residentMemory(), idleMemory<<20) + q.memory<<20
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		if residentMemory() > most {
			q.mu.Lock()
			if q.ended == ended { // else those are others
				for stop := range q.running {
					(*stop)(q.tooMuch())
				}
			}
			q.mu.Unlock()
		}
	}
}

func (q *queries) tooMuch() error {
	return fmt.Errorf("it takes more than the %d MiB of memory that queries have here: ask about a shorter time, fewer groups, or one column at a time", q.memory)
}

// refine says what the engine's error means to who asked.
func (q *queries) refine(ctx context.Context, err error) error {
	if starved(err) {
		return q.tooMuch()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // instead of what the engine says about an interrupt
	}
	return err
}

// timeout is the longest that a query may take.
func (db *DB) timeout() time.Duration {
	if db.QueryTimeout > 0 {
		return db.QueryTimeout
	}
	return defaultTimeout
}

// memoryLimit is what queries may take: a quarter of what the engine would, which is 80 % of
// the machine's memory or of the control group's; in MiB.
func memoryLimit(engines string) (int, error) {
	var unit string
	var n float64
	if _, err := fmt.Sscanf(engines, "%g %s", &n, &unit); err != nil {
		return 0, fmt.Errorf("read memory limit %q: %w", engines, err)
	}
	mib := map[string]float64{"KiB": 1.0 / 1024, "MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}[unit] * n
	return int(max(mib/4, min(mib, 512), 64)), nil
}
