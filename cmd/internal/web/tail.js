const silence = 40_000 // ms; the collector sends something every 15 seconds
const look = 5_000

// follow reads the collector's newest beacons while the page is open, and returns a function that reads those of
// other streams instead. The states that it reports are live, reconnecting with the time of the last answer,
// logged-out, and refused with the collector's reason.
export function follow({ stream = '', onBeacon, onCount = () => {}, onNotice = () => {}, onState }) {
  let source, retry, opened, answered = Date.now()
  const target = () => '/-/tail?' + new URLSearchParams({ last: 50, stream })
  const lost = () => onState('reconnecting', new Date(answered))

  function open() {
    close()
    opened = Date.now()
    source = new EventSource(target())
    source.addEventListener('open', () => { answered = Date.now(); onState('live') })
    const takers = { beacon: onBeacon, count: onCount, notice: onNotice, ping() {} }
    for (const [name, take] of Object.entries(takers)) {
      source.addEventListener(name, e => { answered = Date.now(); take(JSON.parse(e.data)) })
    }
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) askWhy()
      else lost()
    })
  }

  function close() {
    clearTimeout(retry)
    source?.close()
  }

  // EventSource stops at any status except 200 and does not show the status.
  async function askWhy() {
    const stop = new AbortController()
    const late = setTimeout(() => stop.abort(), silence)
    const answer = await fetch(target(), { signal: stop.signal }).catch(() => null)
    const text = answer?.status === 403 ? await answer.text().catch(() => '') : ''
    clearTimeout(late)
    stop.abort()
    if (answer?.status === 401) {
      onState('logged-out')
    } else if (answer?.status === 403) {
      onState('refused', text)
    } else {
      lost()
      retry = setTimeout(open, 3000)
    }
  }

  // A connection can be dead without an error, such as after a sleep of this machine.
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED || Date.now() - Math.max(opened, answered) < silence) return
    lost()
    open()
  }, look)

  // A page in the back-forward cache must not hold a connection.
  addEventListener('pagehide', close)
  addEventListener('pageshow', e => { if (e.persisted) open() })
  open()
  return other => { stream = other; open() }
}
