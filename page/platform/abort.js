// AbortController and AbortSignal (DOM, "Aborting ongoing activities").
const signalSlots = () => assign(targetSlots(), { AbortSignal: true, aborted: false, reason: undefined, algorithms: [] })
const newSignal = () => instance('AbortSignal', signalSlots())
const onAbort = (me, f) => put(me.algorithms, me.algorithms.length, f)
const abortSignal = (signal, reason) => {
  const me = slotsOf(signal)
  if (me.aborted) return
  me.aborted = true
  me.reason = reason === undefined ? domException('signal is aborted without reason', 'AbortError') : reason
  const { algorithms } = me
  me.algorithms = []
  for (let n = 0; n < algorithms.length; n++) algorithms[n]()
  const event = instance('Event', eventSlots('abort', {}))
  slotsOf(event).trusted = true
  dispatch(signal, me, event, slotsOf(event))
}
define('AbortSignal', {
  parent: 'EventTarget',
  members: {
    get aborted() { return brand(this, 'AbortSignal').aborted },
    get reason() { return brand(this, 'AbortSignal').reason },
    throwIfAborted() { const me = brand(this, 'AbortSignal'); if (me.aborted) throw me.reason },
  },
  statics: {
    abort(reason = undefined) { const s = newSignal(); abortSignal(s, reason); return s },
    timeout(milliseconds) {
      need(arguments.length, 1, "execute 'timeout' on 'AbortSignal'")
      const wait = enforced(milliseconds, "execute 'timeout' on 'AbortSignal'"), s = newSignal()
      host.setTimer(() => abortSignal(s, domException('signal timed out', 'TimeoutError')), wait, false)
      return s
    },
    any(signals) {
      const what = "execute 'any' on 'AbortSignal'"
      need(arguments.length, 1, what)
      const error = () => fail(what, "The provided value cannot be converted to a sequence of 'AbortSignal'.")
      const list = sequence(signals, s => { if (!is(s, 'AbortSignal')) throw error(); return s }, error), joint = newSignal()
      for (let n = 0; n < list.length; n++) {
        const me = slotsOf(list[n])
        if (me.aborted) { abortSignal(joint, me.reason); return joint }
      }
      for (let n = 0; n < list.length; n++) onAbort(slotsOf(list[n]), () => abortSignal(joint, slotsOf(list[n]).reason))
      return joint
    },
  },
})
handlerAttribute(interfaces.AbortSignal.prototype, 'onabort', 'AbortSignal')
define('AbortController', {
  make: () => ({ __proto__: null, AbortController: true, signal: newSignal() }),
  members: {
    get signal() { return brand(this, 'AbortController').signal },
    abort(reason = undefined) { abortSignal(brand(this, 'AbortController').signal, reason) },
  },
})
