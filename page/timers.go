package page

import (
	"fmt"
	"time"

	"github.com/dop251/goja"
)

// defineTimers is HTML, "Timers" and "Microtask queuing".
func (rt *realm) defineTimers() {
	l := &timers{rt: rt, active: map[int64]*timer{}}
	rt.operation("setTimeout", 1, func(c call) any { return l.set(c, false) })
	rt.operation("setInterval", 1, func(c call) any { return l.set(c, true) })
	clear := func(c call) any { l.clear(c.integer(c.arg(0), 32)); return nil }
	rt.operation("clearTimeout", 0, clear)
	rt.operation("clearInterval", 0, clear)
	rt.operation("queueMicrotask", 1, func(c call) any {
		f, ok := callable(c.arg(0))
		if !ok {
			panic(c.fail("parameter 1 is not of type 'Function'."))
		}
		rt.microtask(func() {
			if ex := rt.r.Try(func() { f(goja.Undefined()) }); ex != nil {
				rt.report(ex)
			}
		})
		return nil
	})
	rt.operation("reportError", 1, func(c call) any {
		if ex := rt.r.Try(func() { panic(c.arg(0)) }); ex != nil {
			rt.report(ex)
		}
		return nil
	})
}

// timers is HTML, "map of setTimeout and setInterval IDs".
type timers struct {
	rt      *realm
	active  map[int64]*timer
	last    int64
	nesting int // of the timer that runs
}

func (l *timers) set(c call, again bool) int64 {
	f, ok := callable(c.arg(0))
	var source string
	if !ok {
		source = c.usv(0)
	}
	wait := max(0, c.integer(c.arg(1), 32))
	var args []goja.Value
	if len(c.args) > 2 {
		args = append(args, c.args[2:]...)
	}
	l.last++
	id, nesting := l.last, l.nesting+1
	run := func() {
		if ok {
			f(l.rt.r.GlobalObject(), args...)
		} else if _, err := l.rt.r.RunScript(fmt.Sprintf("timer %d", id), source); err != nil {
			panic(err)
		}
	}
	l.start(id, wait, nesting, again, run)
	return id
}

func (l *timers) start(id, wait int64, nesting int, again bool, run func()) {
	least := int64(0)
	if nesting > 5 {
		least = 4
	}
	p := l.rt.page
	l.active[id] = p.loop.after(time.Duration(max(wait, least))*time.Millisecond, true, func() {
		if !again {
			delete(l.active, id)
		}
		l.nesting = nesting
		p.task(run)
		l.nesting = 0
		if _, still := l.active[id]; still && again {
			l.start(id, wait, nesting+1, again, run)
		}
	})
}

func (l *timers) clear(id int64) {
	if t := l.active[id]; t != nil {
		l.rt.page.loop.stop(t)
		delete(l.active, id)
	}
}
