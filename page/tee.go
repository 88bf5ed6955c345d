package page

import "github.com/dop251/goja"

// tee is Streams, "ReadableStreamDefaultTee": two streams of the same chunks. It reads
// when either of them wants to.
func (rt *realm) tee(s *stream) (*goja.Object, *goja.Object) {
	r := s.lock()
	var branches [2]*stream
	canceled := [2]bool{}
	reading := false
	pull := func() goja.Value {
		if !reading {
			reading = true
			rt.react(r.read(), func(v goja.Value) {
				reading = false
				result := v.(*goja.Object)
				done := result.Get("done").ToBoolean()
				for n, b := range branches {
					switch {
					case canceled[n] || b.state != readable:
					case done:
						b.closeRequested()
					default:
						b.enqueue(result.Get("value"))
					}
				}
			}, func(err goja.Value) {
				branches[0].fail(err)
				branches[1].fail(err)
			})
		}
		return rt.promiseFor(goja.Undefined())
	}
	for n := range branches {
		branches[n] = &stream{rt: rt, started: true, pull: pull, cancel: func(reason goja.Value) goja.Value {
			canceled[n] = true
			if canceled[1-n] {
				return s.stop(reason)
			}
			return rt.promiseFor(goja.Undefined())
		}}
	}
	return rt.make("ReadableStream", branches[0]), rt.make("ReadableStream", branches[1])
}
