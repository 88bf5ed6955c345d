package page

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// watchEvery is how often the heap of a running task is looked at.
const watchEvery = 10 * time.Millisecond

// A limiter ends a task that runs too long or takes too much memory, or whose caller is gone.
type limiter struct {
	mu     sync.Mutex
	runner *goja.Runtime // nil once the task is over
}

func (g *limiter) interrupt(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.runner != nil {
		g.runner.Interrupt(why)
	}
}

// guard starts to watch the task that runs now; the caller ends it with the function.
func (p *Page) guard(ctx context.Context) (end func()) {
	g := &limiter{runner: p.realm.r}
	stops := []func() bool{context.AfterFunc(ctx, func() { g.interrupt(context.Cause(ctx)) })}
	if p.options.Timeout > 0 {
		t := time.AfterFunc(p.options.Timeout, func() {
			g.interrupt(fmt.Errorf("it ran for more than %v without a pause", p.options.Timeout))
		})
		stops = append(stops, t.Stop)
	}
	if p.options.Memory > 0 {
		var t *time.Timer
		g.mu.Lock()
		t = time.AfterFunc(watchEvery, func() {
			grown := heap() - p.heap
			if grown > p.options.Memory { // or is it garbage?
				runtime.GC()
				grown = heap() - p.heap
			}
			if grown > p.options.Memory {
				g.interrupt(fmt.Errorf("it took %d MiB of memory, and may take %d", grown>>20, p.options.Memory>>20))
				return
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.runner != nil { // the task may be over by now
				t.Reset(watchEvery)
			}
		})
		g.mu.Unlock()
		stops = append(stops, t.Stop)
	}
	return func() {
		g.mu.Lock()
		g.runner = nil
		g.mu.Unlock()
		for _, stop := range stops {
			stop()
		}
		p.realm.r.ClearInterrupt()
	}
}

// heap is the bytes of the objects that the process has.
func heap() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// ended is what became of a task that didn't come to its own end, or nil.
func ended(x any) error {
	err, ok := x.(error)
	if !ok {
		return nil
	}
	var interrupted *goja.InterruptedError
	var overflow *goja.StackOverflowError
	switch {
	case errors.As(err, &interrupted):
		why, _ := interrupted.Value().(error)
		return fmt.Errorf("the script was ended%s: %w", at(interrupted.Stack()), why)
	case errors.As(err, &overflow):
		return fmt.Errorf("the script was ended%s: its calls are nested too deeply", at(overflow.Stack()))
	}
	return nil
}
