package page

import (
	"bytes"

	"github.com/dop251/goja"
)

// A stream is the slots of a ReadableStream, with those of its controller (Streams,
// "Readable streams"). There are default readers only, and no pipes.
type stream struct {
	rt        *realm
	state     streamState
	err       goja.Value // why it is errored
	disturbed bool
	reader    *reader

	queue          []chunk
	size           float64 // of the queue
	highWaterMark  float64
	measure        function                      // nil counts 1 each
	pull           func() goja.Value             // returns a promise; nil has nothing to do
	cancel         func(r goja.Value) goja.Value // likewise
	controller     *goja.Object
	started        bool
	pulling, again bool
	closing        bool
}

type streamState int

const (
	readable streamState = iota
	closed
	errored
)

type chunk struct {
	value goja.Value
	size  float64
}

// A reader is the slots of a ReadableStreamDefaultReader.
type reader struct {
	stream *stream // nil once it is released
	closed deferred
	wait   []deferred
}

// newByteStream is a stream of bytes that are there.
func (rt *realm) newByteStream(b []byte) *goja.Object {
	s := &stream{rt: rt, started: true, closing: true}
	if len(b) > 0 {
		s.queue = []chunk{{rt.newBytes(bytes.Clone(b)), 1}}
	} else {
		s.state = closed
	}
	return rt.make("ReadableStream", s)
}

// read is "ReadableStreamDefaultReaderRead": a promise of the next chunk.
func (r *reader) read() goja.Value {
	s := r.stream
	s.disturbed = true
	d := s.rt.newDeferred()
	switch {
	case s.state == closed:
		d.resolve(s.rt.readResult(nil))
	case s.state == errored:
		d.reject(s.err)
	case len(s.queue) > 0:
		c := s.queue[0]
		s.queue = s.queue[1:]
		s.size -= c.size
		if s.closing && len(s.queue) == 0 {
			s.close()
		} else {
			s.pullIfNeeded()
		}
		d.resolve(s.rt.readResult(c.value))
	default:
		r.wait = append(r.wait, d)
		s.pullIfNeeded()
	}
	return d.promise
}

func (rt *realm) readResult(v goja.Value) goja.Value {
	o := rt.r.NewObject()
	done := v == nil
	if done {
		v = goja.Undefined()
	}
	must(o.Set("value", v))
	must(o.Set("done", done))
	return o
}

func (s *stream) enqueue(v goja.Value) {
	if s.reader != nil && len(s.reader.wait) > 0 {
		d := s.reader.wait[0]
		s.reader.wait = s.reader.wait[1:]
		d.resolve(s.rt.readResult(v))
	} else {
		size := 1.0
		if s.measure != nil {
			thrown := s.rt.try(func() {
				size = s.rt.number(s.measure(goja.Undefined(), v))
				if !(size >= 0) || size > 1e308 {
					panic(s.rt.newRangeError("The size of a chunk must be a finite, non-negative number"))
				}
			})
			if thrown != nil {
				s.fail(thrown)
				panic(thrown)
			}
		}
		s.queue = append(s.queue, chunk{v, size})
		s.size += size
	}
	s.pullIfNeeded()
}

// pullIfNeeded is "ReadableStreamDefaultControllerCallPullIfNeeded".
func (s *stream) pullIfNeeded() {
	waited := s.reader != nil && len(s.reader.wait) > 0
	if s.pull == nil || s.closing || s.state != readable || !s.started || !waited && s.highWaterMark-s.size <= 0 {
		return
	}
	if s.pulling {
		s.again = true
		return
	}
	s.pulling = true
	s.rt.react(s.pull(), func(goja.Value) {
		s.pulling = false
		if s.again {
			s.again = false
			s.pullIfNeeded()
		}
	}, s.fail)
}

// closeRequested is the controller's close: the queue is read first.
func (s *stream) closeRequested() {
	s.closing = true
	if len(s.queue) == 0 {
		s.close()
	}
}

// close is "ReadableStreamClose".
func (s *stream) close() {
	if s.state != readable {
		return
	}
	s.state = closed
	s.pull, s.cancel, s.measure = nil, nil, nil
	if s.reader != nil {
		for _, d := range s.reader.wait {
			d.resolve(s.rt.readResult(nil))
		}
		s.reader.wait = nil
		s.reader.closed.resolve(goja.Undefined())
	}
}

// fail is "ReadableStreamDefaultControllerError".
func (s *stream) fail(err goja.Value) {
	if s.state != readable {
		return
	}
	s.state, s.err, s.queue, s.size = errored, err, nil, 0
	s.pull, s.cancel, s.measure = nil, nil, nil
	if s.reader != nil {
		for _, d := range s.reader.wait {
			d.reject(err)
		}
		s.reader.wait = nil
		s.reader.closed.reject(err)
		s.rt.handled(s.reader.closed.promise)
	}
}

// stop is "ReadableStreamCancel".
func (s *stream) stop(reason goja.Value) goja.Value {
	s.disturbed = true
	d := s.rt.newDeferred()
	switch s.state {
	case closed:
		d.resolve(goja.Undefined())
		return d.promise
	case errored:
		d.reject(s.err)
		return d.promise
	}
	cancel := s.cancel
	s.queue, s.size = nil, 0
	s.close()
	if cancel == nil {
		d.resolve(goja.Undefined())
		return d.promise
	}
	return s.rt.upon(cancel(reason), func(goja.Value) goja.Value { return goja.Undefined() })
}

// lock is "AcquireReadableStreamDefaultReader".
func (s *stream) lock() *reader {
	if s.reader != nil {
		panic(s.rt.typeError("This stream has already been locked for exclusive reading by another reader"))
	}
	r := &reader{stream: s, closed: s.rt.newDeferred()}
	s.reader = r
	switch s.state {
	case closed:
		r.closed.resolve(goja.Undefined())
	case errored:
		r.closed.reject(s.err)
		s.rt.handled(r.closed.promise)
	}
	return r
}

// release is "ReadableStreamDefaultReaderRelease".
func (r *reader) release() {
	s := r.stream
	if s == nil {
		return
	}
	err := s.rt.typeError("The reader was released")
	if s.state != readable {
		r.closed = s.rt.newDeferred()
	}
	r.closed.reject(err)
	s.rt.handled(r.closed.promise)
	for _, d := range r.wait {
		d.reject(err)
	}
	r.wait, r.stream, s.reader = nil, nil, nil
}

// readAll reads the stream to its end and gives the promise of its bytes to done, or the
// reason why there are none to failed. The stream stays locked.
func (s *stream) readAll(done func([]byte), failed func(goja.Value)) {
	r := s.lock()
	var all []byte
	var step func()
	step = func() {
		s.rt.react(r.read(), func(v goja.Value) {
			result := v.(*goja.Object)
			if result.Get("done").ToBoolean() {
				done(all)
				return
			}
			chunk := result.Get("value")
			b, ok := s.rt.bufferSource(chunk)
			if !ok || !s.rt.isUint8Array(chunk) {
				err := s.rt.typeError("A body's stream must have Uint8Array chunks")
				s.rt.handled(s.stop(err))
				failed(err)
				return
			}
			all = append(all, b...)
			step()
		}, failed)
	}
	step()
}
