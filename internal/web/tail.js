const token = new URLSearchParams(location.search).get('token')

// withToken returns the path with the token of this page's URL.
export function withToken(path, query = {}) {
  const q = new URLSearchParams(query)
  if (token !== null) q.set('token', token)
  return String(q) ? `${path}?${q}` : path
}

export const needsToken = 'This collector requires its token: open the page as /?token=…'

// follow reads the collector's newest beacons while the page is open. The states that it
// reports are live, reconnecting, and refused, which means that the token is missing.
export function follow({ onBeacon, onCount = () => {}, onState }) {
  const url = withToken('/-/tail', { last: 50 })
  let source, retry

  function open() {
    close()
    source = new EventSource(url)
    source.addEventListener('open', () => onState('live'))
    source.addEventListener('beacon', e => onBeacon(JSON.parse(e.data)))
    source.addEventListener('count', e => onCount(JSON.parse(e.data)))
    source.addEventListener('error', () => {
      onState('reconnecting')
      if (source.readyState === EventSource.CLOSED) askWhy()
    })
  }

  function close() {
    clearTimeout(retry)
    source?.close()
  }

  // EventSource stops at any status except 200 and does not show the status.
  async function askWhy() {
    const stop = new AbortController()
    const status = await fetch(url, { signal: stop.signal }).then(r => r.status, () => 0)
    stop.abort()
    if (status === 401 || status === 403) onState('refused')
    else retry = setTimeout(open, 3000)
  }

  // A page in the back-forward cache must not hold a connection.
  addEventListener('pagehide', close)
  addEventListener('pageshow', e => { if (e.persisted) open() })
  open()
}
