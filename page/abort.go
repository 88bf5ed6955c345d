package page

import (
	"slices"
	"time"

	"github.com/dop251/goja"
)

// An abortSignal is the slots of an AbortSignal.
type abortSignal struct {
	eventTarget
	reason     goja.Value // nil until it is aborted
	algorithms []func()
	sources    []*abortSignal // of a dependent signal
	dependents []*abortSignal
}

func (s *abortSignal) events() *eventTarget { return &s.eventTarget }
func (s *abortSignal) aborted() bool        { return s.reason != nil }

// upon adds an abort algorithm.
func (s *abortSignal) upon(f func()) { s.algorithms = append(s.algorithms, f) }

func (rt *realm) newSignal() *abortSignal {
	s := &abortSignal{}
	s.object = rt.make("AbortSignal", s)
	return s
}

// abort is DOM, "signal abort".
func (s *abortSignal) abort(rt *realm, reason goja.Value) {
	if s.aborted() {
		return
	}
	if goja.IsUndefined(reason) {
		reason = rt.domError("AbortError", "signal is aborted without reason")
	}
	s.reason = reason
	all := []*abortSignal{s}
	for _, d := range slices.Clone(s.dependents) {
		if !d.aborted() {
			d.reason = reason
			all = append(all, d)
		}
	}
	for _, s := range all {
		for _, f := range s.algorithms {
			f()
		}
		s.algorithms = nil
		s.dispatch(rt, rt.newTrusted("Event", "abort", nil))
	}
}

// dependent is DOM, "create a dependent abort signal".
func (rt *realm) dependentSignal(on []*abortSignal) *abortSignal {
	s := rt.newSignal()
	for _, o := range on {
		if o.aborted() {
			s.reason = o.reason
			return s
		}
	}
	for _, o := range on {
		roots := o.sources
		if len(roots) == 0 {
			roots = []*abortSignal{o}
		}
		for _, root := range roots {
			if !slices.Contains(s.sources, root) {
				s.sources = append(s.sources, root)
				root.dependents = append(root.dependents, s)
			}
		}
	}
	return s
}

// detach is for a dependent signal that no script has seen and nobody needs any more.
func (s *abortSignal) detach() {
	for _, root := range s.sources {
		root.dependents = slices.DeleteFunc(root.dependents, func(d *abortSignal) bool { return d == s })
	}
	s.sources, s.algorithms = nil, nil
}

// defineAbort is DOM, "Interface AbortController" and "Interface AbortSignal".
func (rt *realm) defineAbort() {
	i := rt.define("AbortSignal", "EventTarget", 0, nil)
	i.static("abort", 0, func(c call) any {
		s := rt.newSignal()
		if s.reason = c.arg(0); !c.given(0) {
			s.reason = rt.domError("AbortError", "signal is aborted without reason")
		}
		return s.object
	})
	i.static("any", 1, func(c call) any {
		var on []*abortSignal
		c.sequence(c.arg(0), func(v goja.Value) {
			s, ok := rt.implOf(v).(*abortSignal)
			if !ok {
				panic(c.fail("Failed to convert value to 'AbortSignal'."))
			}
			on = append(on, s)
		})
		return rt.dependentSignal(on).object
	})
	i.static("timeout", 1, func(c call) any {
		ms := rt.number(c.arg(0))
		if !(ms >= 0) || ms > 1<<53-1 {
			panic(c.fail("Value is outside the 'unsigned long long' value range."))
		}
		s := rt.newSignal()
		if rt.page != nil {
			// A page may end before such a timer.
			rt.page.loop.after(time.Duration(min(ms, 1e9))*time.Millisecond, false, func() {
				rt.page.task(func() { s.abort(rt, rt.domError("TimeoutError", "signal timed out")) })
			})
		}
		return s.object
	})
	getter(i, "aborted", func(s *abortSignal) any { return s.aborted() })
	getter(i, "reason", func(s *abortSignal) any { return rt.value(s.reason) })
	method(i, "throwIfAborted", 0, func(s *abortSignal, _ call) any {
		if s.aborted() {
			panic(s.reason)
		}
		return nil
	})
	handlers[*abortSignal](i, i.proto, "abort")

	type controller struct{ signal *abortSignal }
	i = rt.define("AbortController", "", 0, func(call) any { return &controller{rt.newSignal()} })
	getter(i, "signal", func(c *controller) any { return c.signal.object })
	method(i, "abort", 0, func(a *controller, c call) any { a.signal.abort(rt, c.arg(0)); return nil })
}
