// Event, CustomEvent and EventTarget (DOM, "Events").
const eventSlots = (type, init) => ({
  __proto__: null, Event: true, type, bubbles: !!init.bubbles, cancelable: !!init.cancelable, composed: !!init.composed,
  target: null, currentTarget: null, phase: 0, canceled: false, stopped: false, ended: false, passive: false, dispatching: false, trusted: false,
  time: host.now(),
})
const setCanceled = me => {
  if (me.cancelable && !me.passive) me.canceled = true
}
define('Event', {
  length: 1,
  make: (what, { 0: type, 1: init }) => eventSlots(`${type}`, dictionary(init, what, 2)),
  members: {
    get type() { return brand(this, 'Event').type },
    get target() { return brand(this, 'Event').target },
    get srcElement() { return brand(this, 'Event').target },
    get currentTarget() { return brand(this, 'Event').currentTarget },
    get eventPhase() { return brand(this, 'Event').phase },
    get bubbles() { return brand(this, 'Event').bubbles },
    get cancelable() { return brand(this, 'Event').cancelable },
    get composed() { return brand(this, 'Event').composed },
    get defaultPrevented() { return brand(this, 'Event').canceled },
    get isTrusted() { return brand(this, 'Event').trusted },
    get timeStamp() { return brand(this, 'Event').time },
    get returnValue() { return !brand(this, 'Event').canceled },
    set returnValue(v) { const me = brand(this, 'Event'); if (!v) setCanceled(me) },
    get cancelBubble() { return brand(this, 'Event').stopped },
    set cancelBubble(v) { const me = brand(this, 'Event'); if (v) me.stopped = true },
    composedPath() { const { currentTarget } = brand(this, 'Event'); return currentTarget === null ? [] : [currentTarget] },
    preventDefault() { setCanceled(brand(this, 'Event')) },
    stopPropagation() { brand(this, 'Event').stopped = true },
    stopImmediatePropagation() { const me = brand(this, 'Event'); me.stopped = me.ended = true },
    initEvent(type, bubbles = false, cancelable = false) {
      const me = brand(this, 'Event')
      need(arguments.length, 1, "execute 'initEvent' on 'Event'")
      type = `${type}`
      if (me.dispatching) return
      me.type = type, me.bubbles = !!bubbles, me.cancelable = !!cancelable
      me.canceled = me.stopped = me.ended = false
    },
  },
  constants: { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 },
})
define('CustomEvent', {
  parent: 'Event', length: 1,
  make: (what, { 0: type, 1: init }) => {
    type = `${type}`
    const o = dictionary(init, what, 2), slots = eventSlots(type, o)
    slots.CustomEvent = true
    slots.detail = o.detail === undefined ? null : o.detail
    return slots
  },
  members: { get detail() { return brand(this, 'CustomEvent').detail } },
})

const targetSlots = () => ({ __proto__: null, EventTarget: true, listeners: [], handlers: create(null) })
const captures = options => isObject(options) ? !!options.capture : !!options

// listen adds a listener: { type, callback, capture, once, passive, removed }.
const listen = (me, listener) => {
  for (let n = 0; n < me.listeners.length; n++) {
    const old = me.listeners[n]
    if (old.type === listener.type && old.callback === listener.callback && old.capture === listener.capture) return
  }
  put(me.listeners, me.listeners.length, listener)
}
const unlisten = (me, drop) => {
  me.listeners = without(me.listeners, old => {
    const gone = drop(old)
    if (gone) old.removed = true
    return gone
  })
}
define('EventTarget', {
  make: () => targetSlots(),
  members: {
    addEventListener(type, callback, options = undefined) {
      const me = brand(this ?? global, 'EventTarget'), what = "execute 'addEventListener' on 'EventTarget'"
      need(arguments.length, 2, what)
      type = `${type}`
      if (callback !== null && callback !== undefined && !isObject(callback)) throw fail(what, "parameter 2 is not of type 'Object'.")
      const capture = captures(options)
      let once = false, passive = false, signal
      if (isObject(options)) {
        once = !!options.once, passive = !!options.passive, signal = options.signal
        if (signal !== undefined && !is(signal, 'AbortSignal')) throw fail(what, "member signal is not of type 'AbortSignal'.")
      }
      if (callback === null || callback === undefined || signal !== undefined && slotsOf(signal).aborted) return
      const listener = { __proto__: null, type, callback, capture, once, passive, removed: false }
      listen(me, listener)
      if (signal !== undefined) onAbort(slotsOf(signal), () => unlisten(me, old => old === listener))
    },
    removeEventListener(type, callback, options = undefined) {
      const me = brand(this ?? global, 'EventTarget')
      need(arguments.length, 2, "execute 'removeEventListener' on 'EventTarget'")
      type = `${type}`
      const capture = captures(options)
      unlisten(me, old => old.type === type && old.callback === callback && old.capture === capture)
    },
    dispatchEvent(event) {
      const me = brand(this ?? global, 'EventTarget'), what = "execute 'dispatchEvent' on 'EventTarget'"
      need(arguments.length, 1, what)
      if (!is(event, 'Event')) throw fail(what, "parameter 1 is not of type 'Event'.")
      const slots = slotsOf(event)
      if (slots.dispatching) throw domException(`Failed to ${what}: The event is already being dispatched.`, 'InvalidStateError')
      slots.trusted = false
      return dispatch(this ?? global, me, event, slots)
    },
  },
})

// dispatch calls the listeners of one target: these targets have no parents.
const dispatch = (target, me, event, slots) => {
  slots.dispatching = true, slots.target = slots.currentTarget = target, slots.phase = 2
  for (let capture = true, turn = 0; turn < 2; turn++, capture = false) {
    const list = without(me.listeners, l => l.type !== slots.type || l.capture !== capture)
    for (let n = 0; n < list.length && !slots.ended; n++) {
      const l = list[n]
      if (l.removed) continue
      if (l.once) unlisten(me, old => old === l)
      slots.passive = l.passive
      try {
        if (typeof l.callback === 'function') apply(l.callback, target, [event])
        else {
          const { handleEvent } = l.callback
          if (typeof handleEvent !== 'function') throw new TypeError('The listener is not a function and has no handleEvent method.')
          apply(handleEvent, l.callback, [event])
        }
      } catch (error) {
        report(error)
      }
      slots.passive = false
    }
  }
  slots.dispatching = false, slots.phase = 0, slots.currentTarget = null, slots.stopped = slots.ended = false
  return !slots.canceled
}

// handlerAttribute defines an event handler such as onabort (HTML, "Event handlers").
const handlerAttribute = (prototype, name, brandName) => {
  const type = apply(stringSlice, name, [2])
  const accessors = {
    get [name]() { return brand(this, brandName).handlers[type]?.value ?? null },
    set [name](value) {
      const me = brand(this, brandName), old = me.handlers[type]
      const f = isObject(value) ? value : null
      if (old !== undefined) {
        old.value = f
        return
      }
      const handler = me.handlers[type] = { __proto__: null, value: f }
      listen(me, {
        __proto__: null, type, capture: false, once: false, passive: false, removed: false,
        callback(event) {
          if (typeof handler.value === 'function' && apply(handler.value, this, [event]) === false) setCanceled(slotsOf(event))
        },
      })
    },
  }
  copy(accessors, prototype)
}

define('ErrorEvent', {
  parent: 'Event', length: 1,
  make: (what, { 0: type, 1: init }) => {
    type = `${type}`
    const o = dictionary(init, what, 2), slots = eventSlots(type, o)
    const { colno = 0, error, filename = '', lineno = 0, message = '' } = o
    return assign(slots, {
      ErrorEvent: true, colno: integer(colno), error, filename: usv(filename), lineno: integer(lineno), message: `${message}`,
    })
  },
  members: {
    get message() { return brand(this, 'ErrorEvent').message },
    get filename() { return brand(this, 'ErrorEvent').filename },
    get lineno() { return brand(this, 'ErrorEvent').lineno },
    get colno() { return brand(this, 'ErrorEvent').colno },
    get error() { return brand(this, 'ErrorEvent').error },
  },
})

// The global object is an EventTarget of its own interface.
define('Window', { parent: 'EventTarget' })
delete global[toStringTag]
setPrototypeOf(global, interfaces.Window.prototype)
stamp(global, assign(targetSlots(), { Window: true }))
copy({
  get window() { return global },
  get self() { return global },
}, global)

// report is HTML, "report an exception": an event, and then Go.
let reporting = false
const report = error => {
  if (!reporting) {
    reporting = true
    try {
      const { 0: message, 1: filename, 2: lineno, 3: colno } = host.describe(error)
      const slots = assign(eventSlots('error', { cancelable: true }), { ErrorEvent: true, trusted: true, error, message, filename, lineno, colno })
      if (!dispatch(global, slotsOf(global), instance('ErrorEvent', slots), slots)) return
    } finally {
      reporting = false
    }
  }
  host.report(error)
}
// onerror is called with five arguments, and true cancels its event.
const onerror = { __proto__: null, value: null }
copy({
  get onerror() { return onerror.value },
  set onerror(value) { onerror.value = isObject(value) ? value : null },
}, global)
listen(slotsOf(global), {
  __proto__: null, type: 'error', capture: false, once: false, passive: false, removed: false,
  callback(event) {
    const slots = slotsOf(event)
    if (typeof onerror.value !== 'function') return
    const args = slots.ErrorEvent === true ? [slots.message, slots.filename, slots.lineno, slots.colno, slots.error] : [event]
    if (apply(onerror.value, global, args) === true) setCanceled(slots)
  },
})
