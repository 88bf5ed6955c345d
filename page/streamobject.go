package page

import (
	"math"

	"github.com/dop251/goja"
)

// defineReadableStream is Streams, "The ReadableStream class" and its reader and
// controller.
func (rt *realm) defineReadableStream() {
	type controller struct{ *stream }
	i := rt.define("ReadableStream", "", 0, func(c call) any {
		s := &stream{rt: rt}
		var source *goja.Object
		if c.given(0) {
			var ok bool
			if source, ok = c.arg(0).(*goja.Object); !ok {
				panic(c.fail("parameter 1 is not of type 'object'."))
			}
		}
		c.strategy(s, c.dict(1))
		s.controller = rt.make("ReadableStreamDefaultController", &controller{s})
		c.source(s, source)
		return s
	})
	getter(i, "locked", func(s *stream) any { return s.reader != nil })
	promised(i, "cancel", 0, func(s *stream, c call) any {
		if s.reader != nil {
			panic(c.fail("Cannot cancel a locked stream"))
		}
		return s.stop(c.arg(0))
	})
	method(i, "getReader", 0, func(s *stream, c call) any {
		if v := c.dict(0).get("mode"); v != nil {
			panic(c.fail("The mode '%s' needs a stream of bytes, of which there are none here", c.toString(v)))
		}
		return rt.make("ReadableStreamDefaultReader", s.lock())
	})

	i = rt.define("ReadableStreamDefaultReader", "", 1, func(c call) any {
		s, ok := rt.implOf(c.arg(0)).(*stream)
		if !ok {
			panic(c.fail("parameter 1 is not of type 'ReadableStream'."))
		}
		return s.lock()
	})
	promised(i, "read", 0, func(r *reader, c call) any { r.owned(c); return r.read() })
	promised(i, "cancel", 0, func(r *reader, c call) any { r.owned(c); return r.stream.stop(c.arg(0)) })
	method(i, "releaseLock", 0, func(r *reader, _ call) any { r.release(); return nil })
	getter(i, "closed", func(r *reader) any { return r.closed.promise })

	i = rt.define("ReadableStreamDefaultController", "", 0, nil)
	getter(i, "desiredSize", func(t *controller) any {
		switch t.state {
		case errored:
			return goja.Null()
		case closed:
			return 0
		}
		return t.highWaterMark - t.size
	})
	open := func(t *controller, c call) {
		if t.closing || t.state != readable {
			panic(c.fail("The stream is not in a state that permits it"))
		}
	}
	method(i, "close", 0, func(t *controller, c call) any { open(t, c); t.closeRequested(); return nil })
	method(i, "enqueue", 0, func(t *controller, c call) any { open(t, c); t.enqueue(c.arg(0)); return nil })
	method(i, "error", 0, func(t *controller, c call) any { t.fail(c.arg(0)); return nil })
}

func (r *reader) owned(c call) {
	if r.stream == nil {
		panic(c.fail("This reader has been released"))
	}
}

// strategy takes the queuing strategy ("ExtractHighWaterMark", "ExtractSizeAlgorithm").
func (c call) strategy(s *stream, d dict) {
	s.highWaterMark = 1
	if v := d.get("highWaterMark"); v != nil {
		if s.highWaterMark = c.number(v); math.IsNaN(s.highWaterMark) || s.highWaterMark < 0 {
			panic(c.newRangeError("Invalid highWaterMark"))
		}
	}
	if v := d.get("size"); v != nil {
		var ok bool
		if s.measure, ok = callable(v); !ok {
			panic(c.fail("The strategy's size is not a function"))
		}
	}
}

// source takes the underlying source and starts it
// ("SetUpReadableStreamDefaultControllerFromUnderlyingSource").
func (c call) source(s *stream, o *goja.Object) {
	d := dict{c, o}
	callback := func(name string) function {
		v := d.get(name)
		if v == nil {
			return nil
		}
		f, ok := callable(v)
		if !ok {
			panic(c.fail("The underlying source's %s is not a function", name))
		}
		return f
	}
	cancel, pull, start := callback("cancel"), callback("pull"), callback("start")
	if v := d.get("type"); v != nil && c.toString(v).String() != "bytes" {
		panic(c.fail("The provided value is not a valid enum value of type ReadableStreamType."))
	}
	if pull != nil {
		s.pull = func() goja.Value {
			return c.promiseOf(func() goja.Value { return pull(o, s.controller) })
		}
	}
	if cancel != nil {
		s.cancel = func(reason goja.Value) goja.Value {
			return c.promiseOf(func() goja.Value { return cancel(o, reason) })
		}
	}
	var started goja.Value = goja.Undefined()
	if start != nil {
		started = start(o, s.controller)
	}
	c.react(c.promiseFor(started), func(goja.Value) {
		s.started = true
		s.pullIfNeeded()
	}, s.fail)
}
