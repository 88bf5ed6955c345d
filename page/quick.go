package page

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

//go:embed platform/*.js
var platformFiles embed.FS

// platformOrder is the order of the files: each uses those before it while it is run.
var platformOrder = []string{
	"webidl", "exception", "event", "abort", "stream", "blob", "formdata", "searchparams", "url", "text", "headers", "navigator", "timers",
}

// platform is the interfaces of the Web, compiled once in a process.
var platform = sync.OnceValues(func() (*js.Program, error) {
	var b strings.Builder
	b.WriteString("(function (host, global) { ")
	for _, name := range platformOrder {
		text, err := platformFiles.ReadFile("platform/" + name + ".js")
		if err != nil {
			return nil, err
		}
		b.Write(text)
	}
	b.WriteString("})")
	return js.Compile("platform.js", b.String(), js.Builtin)
})

// A quick is a page on QuickJS. It will be the Page when it has all of its interfaces.
type quick struct {
	page     *Page // its options, navigator and loop
	vm       *js.VM
	beacon   func(url string, data any) (queued bool, err error)
	timers   map[int]*timer
	last     int // timer
	rejected []unhandled
	uncaught error
}

// An unhandled is a promise that was rejected without a handler, and the reason.
type unhandled struct{ promise, reason js.Value }

// newQuick returns a page on QuickJS. The caller must close it.
func newQuick(o Options) (*quick, error) {
	p := &Page{options: o, began: time.Now()}
	if err := p.settle(); err != nil {
		return nil, err
	}
	// This page has no securitypolicyviolation event yet.
	p.nav.Page.OnViolation = nil
	if from := o.Navigator; from != nil && from.Page != nil {
		p.nav.Page.OnViolation = from.Page.OnViolation
	}
	q := &quick{page: p, beacon: p.nav.SendBeacon, timers: map[int]*timer{}}
	var err error
	if q.vm, err = js.New(js.Config{Memory: o.Memory, Rejection: q.track}); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	program, err := platform()
	if err == nil {
		err = q.vm.Do(func() error {
			define, err := q.vm.Run(program)
			if err != nil {
				return err
			}
			host, err := q.host()
			if err != nil {
				return err
			}
			_, err = q.vm.Call(define, js.Undefined, host, q.vm.Global())
			return err
		})
	}
	if err != nil {
		q.vm.Close()
		return nil, withStack(err)
	}
	p.alive, p.kill = context.WithCancel(context.Background())
	p.loop = newLoop()
	return q, nil
}

// withStack adds the stack to an exception's text.
func withStack(err error) error {
	if e := (*js.Exception)(nil); errors.As(err, &e) {
		return fmt.Errorf("page: %w\n%s", err, e.Stack)
	}
	return err
}

// Run runs a classic script and the microtasks that it leaves.
func (q *quick) Run(ctx context.Context, name, source string) error {
	return q.page.do(ctx, func() error {
		return q.script(ctx, func() error {
			_, err := q.vm.RunSource(name, source, js.Script)
			return err
		})
	})
}

// Wait waits until the page has nothing to run.
func (q *quick) Wait(ctx context.Context) error {
	if err := q.page.loop.idle(ctx); err != nil {
		return fmt.Errorf("page: it still has timers: %w", err)
	}
	return q.page.do(ctx, func() error {
		err := q.uncaught
		q.uncaught = nil
		return err
	})
}

// Close ends the page.
func (q *quick) Close(ctx context.Context) error {
	q.page.loop.end()
	q.page.kill()
	select {
	case <-q.page.loop.done:
		q.vm.Close()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// script runs f and then the microtasks, within the limits of the page.
func (q *quick) script(ctx context.Context, f func() error) error {
	stops := []func() bool{context.AfterFunc(ctx, func() { q.vm.Interrupt(context.Cause(ctx)) })}
	if limit := q.page.options.Timeout; limit > 0 {
		stops = append(stops, time.AfterFunc(limit, func() {
			q.vm.Interrupt(fmt.Errorf("it ran for more than %v without a pause", limit))
		}).Stop)
	}
	err := q.vm.Do(func() error {
		err := f()
		if jobs := q.vm.RunJobs(func(err error) { q.fail(err) }); err == nil {
			err = jobs
		}
		q.reportRejections()
		return err
	})
	for _, stop := range stops {
		stop()
	}
	q.vm.Resume()
	if err != nil {
		err = withStack(err)
	}
	return err
}

// fail keeps the first error for Wait.
func (q *quick) fail(err error) {
	if q.uncaught == nil {
		q.uncaught = withStack(err)
	}
}

// track is HTML, "HostPromiseRejectionTracker".
func (q *quick) track(promise, reason js.Value, handled bool) {
	if !handled {
		q.rejected = append(q.rejected, unhandled{q.vm.Keep(promise), q.vm.Keep(reason)})
		return
	}
	q.rejected = slices.DeleteFunc(q.rejected, func(u unhandled) bool {
		if u.promise != promise {
			return false
		}
		q.vm.Release(u.promise)
		q.vm.Release(u.reason)
		return true
	})
}

// reportRejections is HTML, "notify about rejected promises".
func (q *quick) reportRejections() {
	for _, u := range q.rejected {
		q.fail(q.vm.NewException(u.reason))
		q.vm.Release(u.promise)
		q.vm.Release(u.reason)
	}
	q.rejected = nil
}
