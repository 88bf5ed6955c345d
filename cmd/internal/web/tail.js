// follow reads the collector's newest beacons while the page is open. The states that it
// reports are live, reconnecting, logged-out, and refused with the collector's reason.
export function follow({ onBeacon, onCount = () => {}, onNotice = () => {}, onState }) {
  const url = '/-/tail?last=50'
  let source, retry

  function open() {
    close()
    source = new EventSource(url)
    source.addEventListener('open', () => onState('live'))
    source.addEventListener('beacon', e => onBeacon(JSON.parse(e.data)))
    source.addEventListener('count', e => onCount(JSON.parse(e.data)))
    source.addEventListener('notice', e => onNotice(JSON.parse(e.data)))
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) askWhy()
      else onState('reconnecting')
    })
  }

  function close() {
    clearTimeout(retry)
    source?.close()
  }

  // EventSource stops at any status except 200 and does not show the status.
  async function askWhy() {
    const stop = new AbortController()
    const answer = await fetch(url, { signal: stop.signal }).catch(() => null)
    const text = answer?.status === 403 ? await answer.text().catch(() => '') : ''
    stop.abort()
    if (answer?.status === 401) {
      onState('logged-out')
    } else if (answer?.status === 403) {
      onState('refused', text)
    } else {
      onState('reconnecting')
      retry = setTimeout(open, 3000)
    }
  }

  // A page in the back-forward cache must not hold a connection.
  addEventListener('pagehide', close)
  addEventListener('pageshow', e => { if (e.persisted) open() })
  open()
}
