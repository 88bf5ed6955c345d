// ReadableStream with its default controller and reader (Streams standard). Names of functions are the standard's.
// A stream's slots: state, error, reader, controller, disturbed. A controller's: the queue with sizes, the algorithms.
const streamSlots = () => ({
  __proto__: null, ReadableStream: true, state: 'readable', error: undefined, reader: undefined, controller: undefined, disturbed: false,
})
const handled = promise => { react(promise, undefined, () => {}); return promise }

const strategyOf = (strategy, what) => {
  const o = dictionary(strategy, what, 2), { highWaterMark, size } = o
  let mark = 1
  if (highWaterMark !== undefined) {
    mark = +highWaterMark
    if (isNaN(mark) || mark < 0) throw new RangeError(`Failed to ${what}: The highWaterMark is invalid.`)
  }
  if (size !== undefined && typeof size !== 'function') throw fail(what, 'The size is not a function.')
  return { __proto__: null, mark, size: size === undefined ? () => 1 : chunk => apply(size, undefined, [chunk]) }
}
const methodOf = (source, name, what) => {
  const f = source[name]
  if (f !== undefined && typeof f !== 'function') throw fail(what, `The underlying source's '${name}' is not a function.`)
  return f
}

define('ReadableStream', {
  make: (what, { 0: source, 1: strategy }) => {
    if (source !== undefined && !isObject(source)) throw fail(what, 'The underlying source is not an object.')
    const o = source === undefined ? create(null) : source
    const cancel = methodOf(o, 'cancel', what), pull = methodOf(o, 'pull', what), start = methodOf(o, 'start', what)
    const { type } = o
    if (type !== undefined) throw fail(what, `The type '${type}' is not supported.`)
    const s = streamSlots(), { mark, size } = strategyOf(strategy, what)
    setUpController(s, mark, size,
      controller => start === undefined ? undefined : apply(start, source, [controller]),
      controller => pull === undefined ? undefined : apply(pull, source, [controller]),
      reason => cancel === undefined ? undefined : apply(cancel, source, [reason]))
    return s
  },
  members: {
    get locked() { return brand(this, 'ReadableStream').reader !== undefined },
    cancel(reason = undefined) {
      return promised(() => {
        const me = brand(this, 'ReadableStream')
        if (me.reader !== undefined) throw new TypeError("Failed to execute 'cancel' on 'ReadableStream': The stream is locked.")
        return cancelStream(me, reason)
      })
    },
    getReader(options = undefined) {
      brand(this, 'ReadableStream')
      const { mode } = dictionary(options, "execute 'getReader' on 'ReadableStream'", 1)
      if (mode !== undefined) throw fail("execute 'getReader' on 'ReadableStream'", `The mode '${mode}' is not supported.`)
      return instance('ReadableStreamDefaultReader', readerSlots(this, "execute 'getReader' on 'ReadableStream'"))
    },
    tee() {
      const me = brand(this, 'ReadableStream')
      return teeOf(me, readerSlots(this, "execute 'tee' on 'ReadableStream'"))
    },
  },
})

// setUpController makes the controller of a stream, and calls start.
const setUpController = (s, mark, size, start, pull, cancel) => {
  const c = {
    __proto__: null, ReadableStreamDefaultController: true, stream: s, queue: [], total: 0, mark, size, pull, cancel,
    started: false, closing: false, pulling: false, again: false,
  }
  s.controller = c
  c.object = instance('ReadableStreamDefaultController', c)
  const result = start(c.object)
  react(resolved(result), () => { c.started = true; pullIfNeeded(c) }, error => errorController(c, error))
}

const canEnqueue = c => !c.closing && c.stream.state === 'readable'
const pullIfNeeded = c => {
  if (!canEnqueue(c) || !c.started) return
  const { reader } = c.stream
  if (!(reader !== undefined && reader.requests.length > 0) && c.mark - c.total <= 0) return
  if (c.pulling) { c.again = true; return }
  c.pulling = true
  react(promised(() => c.pull(c.object)), () => {
    c.pulling = false
    if (c.again) { c.again = false; pullIfNeeded(c) }
  }, error => errorController(c, error))
}
const clear = c => { c.queue = []; c.total = 0; c.pull = c.cancel = () => {} }
const errorController = (c, error) => {
  if (c.stream.state !== 'readable') return
  clear(c)
  errorStream(c.stream, error)
}
const enqueue = (c, chunk) => {
  const { reader } = c.stream
  if (reader !== undefined && reader.requests.length > 0) take(reader).chunk(chunk)
  else {
    let size
    try {
      size = +c.size(chunk)
      if (isNaN(size) || size < 0 || size === Infinity) throw new RangeError('The size of a chunk is invalid.')
    } catch (error) {
      errorController(c, error)
      throw error
    }
    put(c.queue, c.queue.length, { __proto__: null, chunk, size })
    c.total += size
  }
  pullIfNeeded(c)
}
const closeController = c => {
  c.closing = true
  if (c.queue.length === 0) { clear(c); closeStream(c.stream) }
}
// shift removes the first element.
const shift = list => {
  const first = list[0], n = list.length
  for (let k = 1; k < n; k++) put(list, k - 1, list[k])
  list.length = n - 1
  return first
}
const take = reader => shift(reader.requests)
const closeStream = s => {
  s.state = 'closed'
  const { reader } = s
  if (reader === undefined) return
  reader.closed.resolve(undefined)
  while (reader.requests.length > 0) take(reader).close()
}
const errorStream = (s, error) => {
  s.state = 'errored'
  s.error = error
  const { reader } = s
  if (reader === undefined) return
  handled(reader.closed.promise)
  reader.closed.reject(error)
  while (reader.requests.length > 0) take(reader).error(error)
}
const cancelStream = (s, reason) => {
  s.disturbed = true
  if (s.state === 'closed') return resolved(undefined)
  if (s.state === 'errored') return rejected(s.error)
  closeStream(s)
  const { controller } = s, { cancel } = controller
  controller.queue = []
  const done = promised(() => cancel(reason))
  clear(controller)
  return react(done, () => undefined)
}
// readFrom passes the next chunk to a request: { chunk, close, error }.
const readFrom = (s, request) => {
  s.disturbed = true
  if (s.state === 'closed') return request.close()
  if (s.state === 'errored') return request.error(s.error)
  const c = s.controller
  if (c.queue.length === 0) {
    put(s.reader.requests, s.reader.requests.length, request)
    return pullIfNeeded(c)
  }
  const { chunk, size } = shift(c.queue)
  c.total = c.queue.length === 0 ? 0 : c.total - size
  if (c.closing && c.queue.length === 0) { clear(c); closeStream(s) } else pullIfNeeded(c)
  request.chunk(chunk)
}

define('ReadableStreamDefaultController', {
  members: {
    get desiredSize() {
      const c = brand(this, 'ReadableStreamDefaultController'), { state } = c.stream
      return state === 'errored' ? null : state === 'closed' ? 0 : c.mark - c.total
    },
    close() {
      const c = brand(this, 'ReadableStreamDefaultController')
      if (!canEnqueue(c)) throw new TypeError("Failed to execute 'close' on 'ReadableStreamDefaultController': The stream is closed.")
      closeController(c)
    },
    enqueue(chunk = undefined) {
      const c = brand(this, 'ReadableStreamDefaultController')
      if (!canEnqueue(c)) throw new TypeError("Failed to execute 'enqueue' on 'ReadableStreamDefaultController': The stream is closed.")
      enqueue(c, chunk)
    },
    error(e = undefined) { errorController(brand(this, 'ReadableStreamDefaultController'), e) },
  },
})

const readerSlots = (stream, what) => {
  const s = slotsOf(stream)
  if (s.reader !== undefined) throw fail(what, 'The stream is locked.')
  const reader = { __proto__: null, ReadableStreamDefaultReader: true, stream: s, requests: [], closed: deferred() }
  s.reader = reader
  if (s.state === 'closed') reader.closed.resolve(undefined)
  if (s.state === 'errored') { handled(reader.closed.promise); reader.closed.reject(s.error) }
  return reader
}
const released = () => new TypeError('The reader was released.')
define('ReadableStreamDefaultReader', {
  length: 1,
  make: (what, { 0: stream }) => {
    if (!is(stream, 'ReadableStream')) throw fail(what, "parameter 1 is not of type 'ReadableStream'.")
    return readerSlots(stream, what)
  },
  members: {
    get closed() { try { return brand(this, 'ReadableStreamDefaultReader').closed.promise } catch (error) { return rejected(error) } },
    read() {
      return promised(() => {
        const me = brand(this, 'ReadableStreamDefaultReader')
        if (me.stream === undefined) throw released()
        const d = deferred()
        readFrom(me.stream, {
          __proto__: null, error: d.reject,
          chunk: value => d.resolve({ value, done: false }), close: () => d.resolve({ value: undefined, done: true }),
        })
        return d.promise
      })
    },
    cancel(reason = undefined) {
      return promised(() => {
        const me = brand(this, 'ReadableStreamDefaultReader')
        if (me.stream === undefined) throw released()
        return cancelStream(me.stream, reason)
      })
    },
    releaseLock() {
      const me = brand(this, 'ReadableStreamDefaultReader')
      if (me.stream === undefined) return
      const { state } = me.stream, { requests } = me
      if (state !== 'readable') me.closed = deferred()
      handled(me.closed.promise)
      me.closed.reject(released())
      me.stream.reader = me.stream = undefined
      me.requests = []
      for (let n = 0; n < requests.length; n++) requests[n].error(released())
    },
  },
})

// newStream returns a stream whose algorithms are of this file.
const newStream = (start, pull, cancel, mark = 1) => {
  const s = streamSlots(), stream = instance('ReadableStream', s)
  setUpController(s, mark, () => 1, start, pull, cancel)
  return stream
}
// streamOf returns a stream of one chunk, or of none.
const streamOf = chunk => newStream(controller => {
  const c = slotsOf(controller)
  if (chunk !== undefined) enqueue(c, chunk)
  closeController(c)
}, () => {}, () => {})

const teeOf = (s, reader) => {
  const canceled = deferred(), branches = [], gone = [false, false], reasons = []
  let reading = false
  const each = f => { for (let n = 0; n < 2; n++) if (!gone[n]) f(slotsOf(branches[n]).controller) }
  const pull = () => {
    if (reading) return
    reading = true
    readFrom(s, {
      __proto__: null,
      chunk: value => { reading = false; each(c => enqueue(c, value)) },
      close: () => each(c => { if (canEnqueue(c)) closeController(c) }),
      error: error => each(c => errorController(c, error)),
    })
  }
  for (let n = 0; n < 2; n++) {
    put(branches, n, newStream(() => {}, pull, reason => {
      gone[n] = true
      put(reasons, n, reason)
      if (gone[1 - n]) canceled.resolve(cancelStream(s, [reasons[0], reasons[1]]))
      return canceled.promise
    }))
  }
  handled(reader.closed.promise)
  return branches
}
