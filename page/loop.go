package page

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A loop is HTML, "event loop": tasks and timers, one after the other on one goroutine.
type loop struct {
	mu      sync.Mutex
	tasks   []func()
	timers  []*timer // by time, then by age
	holds   int      // timers and fetches that keep the page busy
	ended   bool
	waiting []chan struct{} // for the loop to be idle
	wake    chan struct{}
	done    chan struct{}
}

type timer struct {
	at    time.Time
	holds bool
	f     func()
}

func newLoop() *loop {
	l := &loop{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// post queues a task; false is a loop that has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.tasks = append(l.tasks, f)
	l.poke()
	return true
}

// after queues a task for later. One that holds keeps the page from being idle.
func (l *loop) after(d time.Duration, holds bool, f func()) *timer {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &timer{time.Now().Add(d), holds, f}
	n, _ := slices.BinarySearchFunc(l.timers, t, func(a, b *timer) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1 // behind those of the same time
	})
	l.timers = slices.Insert(l.timers, n, t)
	if holds {
		l.holds++
	}
	l.poke()
	return t
}

// stop forgets a timer that has not run.
func (l *loop) stop(t *timer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := slices.Index(l.timers, t); n >= 0 {
		l.timers = slices.Delete(l.timers, n, n+1)
		l.release(t.holds)
	}
}

// hold keeps the page busy until release.
func (l *loop) hold() {
	l.mu.Lock()
	l.holds++
	l.mu.Unlock()
}

func (l *loop) release(held bool) {
	if held {
		l.holds--
	}
	l.poke()
}

func (l *loop) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// idle waits until nothing is left to do.
func (l *loop) idle(ctx context.Context) error {
	l.mu.Lock()
	idle := make(chan struct{})
	l.waiting = append(l.waiting, idle)
	l.poke()
	l.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-l.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end lets the task that runs finish and runs no more.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	l.poke()
	l.mu.Unlock()
}

func (l *loop) run() {
	defer close(l.done)
	for {
		f, wait, ended := l.next()
		switch {
		case ended:
			return
		case f != nil:
			f()
		case wait > 0:
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-l.wake:
			}
			t.Stop()
		default:
			<-l.wake
		}
	}
}

// next is what to run now, or how long there is nothing to; 0 is for ever.
func (l *loop) next() (f func(), wait time.Duration, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil, 0, true
	}
	if len(l.tasks) > 0 {
		f, l.tasks = l.tasks[0], l.tasks[1:]
		return f, 0, false
	}
	if len(l.timers) > 0 {
		t := l.timers[0]
		if wait = time.Until(t.at); wait <= 0 {
			l.timers = l.timers[1:]
			return func() {
				t.f()
				l.mu.Lock()
				l.release(t.holds)
				l.mu.Unlock()
			}, 0, false
		}
	}
	if l.holds == 0 {
		for _, idle := range l.waiting {
			close(idle)
		}
		l.waiting = nil
	}
	return nil, wait, false
}

func (l *loop) unhold() {
	l.mu.Lock()
	l.release(true)
	l.mu.Unlock()
}
