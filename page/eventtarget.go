package page

import (
	"slices"

	"github.com/dop251/goja"
)

// An eventTarget is the slots of an EventTarget.
type eventTarget struct {
	object    *goja.Object
	parent    *eventTarget // where its events bubble to
	listeners []*listener
}

// A target is a platform object that is an EventTarget.
type target interface{ events() *eventTarget }

func (t *eventTarget) events() *eventTarget { return t }

// A listener is DOM, "event listener"; one with a handler is that of an on… attribute.
type listener struct {
	kind                            string
	callback                        *goja.Object // nil never is called
	capture, once, passive, removed bool
	handler                         bool
}

// defineEventTarget is DOM, "Interface EventTarget".
func (rt *realm) defineEventTarget() {
	i := rt.define("EventTarget", "", 0, func(c call) any { return &eventTarget{object: c.this} })
	method(i, "addEventListener", 2, func(t target, c call) any {
		l := c.listener()
		d := c.flattened()
		l.capture = d.capture
		if d.options.o != nil {
			l.once, l.passive = d.options.boolean("once"), d.options.boolean("passive")
			if v := d.options.get("signal"); v != nil {
				s, ok := rt.implOf(v).(*abortSignal)
				if !ok {
					panic(c.fail("member signal is not of type AbortSignal."))
				}
				if s.aborted() {
					return nil
				}
				s.upon(func() { t.events().remove(l) })
			}
		}
		if l.callback != nil && t.events().find(l) == nil {
			t.events().listeners = append(t.events().listeners, l)
		}
		return nil
	})
	method(i, "removeEventListener", 2, func(t target, c call) any {
		l := c.listener()
		l.capture = c.flattened().capture
		if found := t.events().find(l); found != nil {
			t.events().remove(found)
		}
		return nil
	})
	method(i, "dispatchEvent", 1, func(t target, c call) any {
		e, ok := rt.implOf(c.arg(0)).(*event)
		if !ok {
			panic(c.fail("parameter 1 is not of type 'Event'."))
		}
		if e.running {
			panic(rt.domError("InvalidStateError", "Failed to %s: The event is already being dispatched.", c.what))
		}
		e.trusted = false
		return t.events().dispatch(rt, e)
	})
}

func (c call) listener() *listener {
	l := &listener{kind: c.dom(0).String()}
	if v := c.arg(1); !goja.IsNull(v) && !goja.IsUndefined(v) {
		o, ok := v.(*goja.Object)
		if !ok {
			panic(c.fail("parameter 2 is not of type 'Object'."))
		}
		l.callback = o
	}
	return l
}

type flatOptions struct {
	capture bool
	options dict
}

// flattened is DOM, "flatten more".
func (c call) flattened() flatOptions {
	if o, ok := c.arg(2).(*goja.Object); ok {
		d := dict{c, o}
		return flatOptions{d.boolean("capture"), d}
	}
	return flatOptions{capture: c.arg(2).ToBoolean()}
}

func (t *eventTarget) find(l *listener) *listener {
	for _, other := range t.listeners {
		if !other.handler && other.kind == l.kind && other.callback == l.callback && other.capture == l.capture {
			return other
		}
	}
	return nil
}

func (t *eventTarget) remove(l *listener) {
	l.removed = true
	t.listeners = slices.DeleteFunc(slices.Clone(t.listeners), func(o *listener) bool { return o == l })
}

// dispatch is DOM, "dispatch". It returns false if the event was canceled.
func (t *eventTarget) dispatch(rt *realm, e *event) bool {
	e.running, e.target = true, t
	e.path = nil
	for on := t; on != nil; on = on.parent {
		e.path = append(e.path, on)
	}
	for _, on := range slices.Backward(e.path) {
		e.phase = 1
		if on == t {
			e.phase = 2
		}
		on.invoke(rt, e, true)
	}
	for _, on := range e.path {
		if e.phase = 3; on == t {
			e.phase = 2
		} else if !e.bubbles {
			break
		}
		on.invoke(rt, e, false)
	}
	e.phase, e.current, e.path = 0, nil, nil
	e.running, e.stop, e.stopNow = false, false, false
	return !e.canceled
}

// invoke is DOM, "inner invoke".
func (t *eventTarget) invoke(rt *realm, e *event, capture bool) {
	if e.stop {
		return
	}
	e.current = t
	kind := e.kind.String()
	for _, l := range slices.Clone(t.listeners) {
		if l.removed || l.kind != kind || l.capture != capture || l.callback == nil {
			continue
		}
		if l.once {
			t.remove(l)
		}
		e.passive = l.passive
		l.call(rt, e)
		e.passive = false
		if e.stopNow {
			return
		}
	}
}

// call calls the listener. What it throws is reported, and the next one called.
func (l *listener) call(rt *realm, e *event) {
	ex := rt.r.Try(func() {
		f, ok := callable(l.callback)
		if l.handler {
			l.handle(rt, f, e)
			return
		}
		var this goja.Value = e.current.object
		if !ok {
			this = l.callback
			if f, ok = callable(l.callback.Get("handleEvent")); !ok {
				panic(rt.typeError("The listener is no function and has no handleEvent"))
			}
		}
		f(this, e.object)
	})
	if ex != nil {
		rt.report(ex)
	}
	if e.fromPage {
		rt.checkpoint()
	}
}

// handle is HTML, "the event handler processing algorithm".
func (l *listener) handle(rt *realm, f function, e *event) {
	if f == nil {
		return
	}
	if e.iface == "ErrorEvent" && e.current.object == rt.r.GlobalObject() && l.kind == "error" {
		m := e.members
		if v := f(e.current.object, m["message"], m["filename"], m["lineno"], m["colno"], m["error"]); v.StrictEquals(rt.value(true)) {
			e.canceled = true
		}
		return
	}
	v := f(e.current.object, e.object)
	if e.iface == "BeforeUnloadEvent" {
		if !goja.IsNull(v) && !goja.IsUndefined(v) {
			e.canceled = true
		}
	} else if v.StrictEquals(rt.value(false)) {
		e.cancel()
	}
}

// handlers defines on… attributes (HTML, "event handlers").
func handlers[T target](i *iface, on *goja.Object, kinds ...string) {
	for _, kind := range kinds {
		at := func(t target) *listener {
			for _, l := range t.events().listeners {
				if l.handler && l.kind == kind {
					return l
				}
			}
			return nil
		}
		attributeOn(i, on, "on"+kind, func(t T) any {
			if l := at(t); l != nil && l.callback != nil {
				return l.callback
			}
			return goja.Null()
		}, func(t T, c call) {
			o, _ := c.arg(0).(*goja.Object)
			l := at(t)
			switch {
			case o == nil && l != nil:
				t.events().remove(l)
			case o != nil && l != nil:
				l.callback = o
			case o != nil:
				t.events().listeners = append(t.events().listeners, &listener{kind: kind, callback: o, handler: true})
			}
		})
	}
}
