package page

import (
	"time"

	"github.com/dop251/goja"
)

// An event is the slots of an Event and of the interfaces that inherit from it.
type event struct {
	object                                    *goja.Object
	kind                                      goja.Value // its type
	target, current                           *eventTarget
	path                                      []*eventTarget
	phase                                     int
	bubbles, cancelable, composed             bool
	stop, stopNow, canceled, passive, running bool
	trusted, fromPage                         bool
	time                                      float64
	iface                                     string
	members                                   map[string]goja.Value // those of the inheriting interface
}

// A member is an attribute of an inheriting interface and its default.
type member struct {
	name    string
	initial any
	convert func(c call, v goja.Value) goja.Value
}

func toAny(_ call, v goja.Value) goja.Value     { return v }
func toBoolean(c call, v goja.Value) goja.Value { return c.value(v.ToBoolean()) }
func toDOM(c call, v goja.Value) goja.Value     { return c.toString(v) }
func toLong(c call, v goja.Value) goja.Value    { return c.value(uint32(c.integer(v, 32))) }

// defineEvent is DOM, "Interface Event" and "Interface CustomEvent", and the events of
// HTML that a page fires.
func (rt *realm) defineEvent() {
	i := rt.define("Event", "", 1, func(c call) any { return c.newEvent("Event", nil) })
	getter(i, "type", func(e *event) any { return e.kind })
	object := func(t *eventTarget) any {
		if t == nil {
			return goja.Null()
		}
		return t.object
	}
	getter(i, "target", func(e *event) any { return object(e.target) })
	getter(i, "srcElement", func(e *event) any { return object(e.target) })
	getter(i, "currentTarget", func(e *event) any { return object(e.current) })
	method(i, "composedPath", 0, func(e *event, _ call) any {
		path := []any{}
		for _, t := range e.path {
			path = append(path, t.object)
		}
		return rt.r.NewArray(path...)
	})
	for n, name := range []string{"NONE", "CAPTURING_PHASE", "AT_TARGET", "BUBBLING_PHASE"} {
		i.constant(name, n)
	}
	getter(i, "eventPhase", func(e *event) any { return e.phase })
	method(i, "stopPropagation", 0, func(e *event, _ call) any { e.stop = true; return nil })
	attribute(i, "cancelBubble", func(e *event) any { return e.stop }, func(e *event, c call) {
		e.stop = e.stop || c.arg(0).ToBoolean()
	})
	method(i, "stopImmediatePropagation", 0, func(e *event, _ call) any { e.stop, e.stopNow = true, true; return nil })
	getter(i, "bubbles", func(e *event) any { return e.bubbles })
	getter(i, "cancelable", func(e *event) any { return e.cancelable })
	attribute(i, "returnValue", func(e *event) any { return !e.canceled }, func(e *event, c call) {
		if !c.arg(0).ToBoolean() {
			e.cancel()
		}
	})
	method(i, "preventDefault", 0, func(e *event, _ call) any { e.cancel(); return nil })
	getter(i, "defaultPrevented", func(e *event) any { return e.canceled })
	getter(i, "composed", func(e *event) any { return e.composed })
	getter(i, "timeStamp", func(e *event) any { return e.time })
	method(i, "initEvent", 1, func(e *event, c call) any {
		kind, bubbles, cancelable := c.dom(0), c.arg(1).ToBoolean(), c.arg(2).ToBoolean()
		if !e.running {
			e.kind, e.bubbles, e.cancelable = kind, bubbles, cancelable
			e.stop, e.stopNow, e.canceled, e.trusted, e.target = false, false, false, false, nil
		}
		return nil
	})

	rt.eventKind("CustomEvent", member{"detail", goja.Null(), toAny})
	rt.eventKind("PageTransitionEvent", member{"persisted", false, toBoolean})
	rt.eventKind("ErrorEvent", member{"colno", 0, toLong}, member{"error", nil, toAny}, member{"filename", "", toDOM},
		member{"lineno", 0, toLong}, member{"message", "", toDOM})
	rt.eventKind("PromiseRejectionEvent", member{"promise", nil, toAny}, member{"reason", nil, toAny})
	rt.eventKind("BeforeUnloadEvent", member{"returnValue", "", toDOM})
}

// eventKind defines an interface that inherits from Event.
func (rt *realm) eventKind(name string, members ...member) {
	i := rt.define(name, "Event", 1, func(c call) any { return c.newEvent(name, members) })
	for _, m := range members {
		getter(i, m.name, func(e *event) any {
			if e.iface != name {
				panic(rt.typeError("Illegal invocation"))
			}
			return e.members[m.name]
		})
	}
}

func (c call) newEvent(iface string, members []member) *event {
	e := &event{object: c.this, kind: c.dom(0), iface: iface, time: c.now()}
	d := c.dict(1)
	e.bubbles, e.cancelable, e.composed = d.boolean("bubbles"), d.boolean("cancelable"), d.boolean("composed")
	e.defaults(c.realm, members)
	for _, m := range members {
		if v := d.get(m.name); v != nil {
			e.members[m.name] = m.convert(c, v)
		}
	}
	e.own(c.realm)
	return e
}

func (e *event) defaults(rt *realm, members []member) {
	e.members = map[string]goja.Value{}
	for _, m := range members {
		e.members[m.name] = rt.value(m.initial)
	}
}

// own defines isTrusted, which is the event's own property ("[LegacyUnforgeable]").
func (e *event) own(rt *realm) {
	get := rt.function("get isTrusted", 0, func(goja.Value, []goja.Value) goja.Value { return rt.value(e.trusted) })
	must(e.object.DefineAccessorProperty("isTrusted", get, nil, goja.FLAG_FALSE, goja.FLAG_TRUE))
}

// newTrusted is an event that the page fires.
func (rt *realm) newTrusted(iface, kind string, members map[string]goja.Value) *event {
	e := &event{kind: rt.value(kind), iface: iface, members: members, trusted: true, time: rt.now()}
	e.object = rt.make(iface, e)
	e.own(rt)
	return e
}

func (e *event) cancel() {
	if e.cancelable && !e.passive {
		e.canceled = true
	}
}

// now is High Resolution Time, "current high resolution time", in milliseconds.
func (rt *realm) now() float64 {
	if rt.page == nil {
		return 0
	}
	return float64(time.Since(rt.page.began)/(5*time.Microsecond)*5) / 1000
}
