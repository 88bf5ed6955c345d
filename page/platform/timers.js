// Timers and microtasks (HTML, "Timers", "Microtask queuing"). Go keeps the time and calls run.
const globals = {
  setTimeout(handler, timeout = 0, ...args) { return timer("execute 'setTimeout' on 'Window'", arguments, false) },
  setInterval(handler, timeout = 0, ...args) { return timer("execute 'setInterval' on 'Window'", arguments, true) },
  clearTimeout(id = 0) { host.clearTimer(integer(id)) },
  clearInterval(id = 0) { host.clearTimer(integer(id)) },
  queueMicrotask(callback) {
    const what = "execute 'queueMicrotask' on 'Window'"
    need(arguments.length, 1, what)
    if (typeof callback !== 'function') throw fail(what, 'parameter 1 is not a function.')
    react(resolved(undefined), () => guarded(callback, undefined, []))
  },
  reportError(error) {
    need(arguments.length, 1, "execute 'reportError' on 'Window'")
    report(error)
  },
}
// guarded calls a function, and reports what it throws.
const guarded = (f, self, args) => {
  try {
    return apply(f, self, args)
  } catch (error) {
    report(error)
  }
}
const timer = (what, args, repeats) => {
  need(args.length, 1, what)
  const handler = typeof args[0] === 'function' ? args[0] : `${args[0]}`
  const wait = max(0, integer(args[1] ?? 0)), rest = []
  for (let n = 2; n < args.length; n++) put(rest, n - 2, args[n])
  return host.setTimer(() => {
    if (typeof handler === 'function') apply(handler, global, rest)
    else host.evaluate(handler)
  }, wait, repeats)
}
copy(globals, global)
