// Sends the page views of a site, and what visitors do in them, to a collector. It sets no cookie. It stores nothing in
// the browser, except that a visitor does not want to be counted. docs/script.md describes it.
(() => {
  const settings = { stream: 'visits', share: 1 } // the collector writes this line
  const script = document.currentScript
  const warn = text => console.warn('beacon: ' + text)
  if (!script?.src) return warn('nothing is sent: load the script by a script element with src, and not as a module')
  const loaded = Symbol.for('beacon')
  if (window[loaded]) return // the page loads it twice
  window[loaded] = true

  // The collector may be below a path.
  const url = script.src.split(/[?#]/)[0].replace(/[^/]*$/, settings.stream)
  const { query = '', hash, status, sample = '1', consent } = script.dataset
  const parameters = query.split(/[\s,]+/)
  const isShare = sample > 0 && sample <= 1
  if (!isShare) warn('all page views are sent: data-sample is not a share such as 0.1')
  const share = settings.share * (isShare ? sample : 1)

  let off = navigator.webdriver || share === 0
  try {
    if (location.hash === '#beacon-off') localStorage.setItem('beacon-off', '1')
    if (location.hash === '#beacon-on') localStorage.removeItem('beacon-off')
    off ||= localStorage.getItem('beacon-off') !== null
  } catch {} // pages without storage

  const early = window.beacon?.q // calls before this script
  if (early || !('beacon' in window)) window.beacon = custom // else the name is the page's
  let started = consent === undefined || early?.started
  custom.start = () => { started = true; show() }

  // The page view.
  let view = null // its random id
  let landing // it is the first one of this page
  let n // number of its last event
  let path, counted
  let opened // its event view is sent
  let at, visible, attended // the time up to which it is measured, and the state since then
  let seconds, focused // in milliseconds
  let scroll // percent of the page's height
  let changed, last // it was seen since its last leave; that leave's text
  let marks // visible seconds at which progress is sent
  let timer, later
  const waiting = [] // events before the first page view

  function here() {
    const kept = new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => parameters.includes(name))).toString()
    return location.pathname + (kept && '?' + kept) + (hash === undefined ? '' : location.hash.split('?')[0])
  }

  const text = (name, n, more) => JSON.stringify({ name, view, n, path, weight: Math.round(1e4 / share) / 1e4, ...more })
  function event(name, more) {
    open()
    const body = text(name, n + 1, more)
    n++
    return body
  }
  // Neither needs a preflight, whose answer can come too late for a page that ends.
  function post(body) {
    if (!counted) return
    const init = { method: 'POST', body, mode: 'no-cors', credentials: 'omit' }
    fetch(url, { ...init, keepalive: true }).catch(() => fetch(url, init)).catch(() => {})
  }
  function send(body) {
    if (!counted) return
    let queued = false
    try { queued = navigator.sendBeacon(url, body) } catch {} // extensions remove it
    if (!queued) post(body)
  }

  function custom(name, props) {
    if (typeof name === 'string' && !['', 'view', 'leave', 'progress'].includes(name)) return emit(name, props)
    warn('nothing is sent: the first argument of beacon() is a name of your own, and not view, leave or progress')
    return false
  }
  function emit(name, props) {
    if (off) return false
    if (view === null) return waiting.push([name, props]) > 0
    try {
      send(event(name, { props }))
    } catch (e) {
      warn(`${name} is not sent: ${e}`) // its properties can't be JSON
      return false
    }
    return counted
  }

  function begin() {
    landing = landing === undefined
    view = Array.from(crypto.getRandomValues(new Uint8Array(8)), b => b.toString(16).padStart(2, '0')).join('')
    counted = Math.random() < share
    path = here()
    n = seconds = focused = scroll = 0
    at = performance.now()
    marks = window.fetchLater ? [5] : [5, 15, 45, 135]
    opened = false
    if (landing) {
      open()
    } else {
      forgetVitals()
      setTimeout(open, 100) // an application sets the title after it has changed the address
    }
    for (const [name, props] of waiting.splice(0)) emit(name, props)
    resume()
  }
  function open() {
    if (opened || view === null) return
    opened = true
    const screen = innerWidth < 576 ? 'phone' : innerWidth < 992 ? 'tablet' : innerWidth < 1440 ? 'laptop' : 'desktop'
    const more = { title: document.title, screen, language: navigator.language }
    if (status) more.status = +status
    if (landing) {
      try {
        const { host } = new URL(document.referrer)
        if (host !== location.host) more.source = host
      } catch {} // no referrer
      for (const [name, value] of new URLSearchParams(location.search)) {
        if (/^utm_(source|medium|campaign|term|content)$/.test(name)) more[name] = value
      }
    }
    send(event('view', more))
    arm()
  }

  // Adds the time since the last call.
  function measure() {
    const now = performance.now()
    if (visible) seconds += now - at
    if (visible && attended) focused += now - at
    at = now
    visible = document.visibilityState === 'visible'
    attended = document.hasFocus()
    const page = document.scrollingElement
    if (page) scroll = Math.max(scroll, Math.min(100, Math.round((page.scrollTop + innerHeight) / page.scrollHeight * 100)))
  }
  const tenths = time => Math.round(time / 100) / 10
  const seen = () => ({ seconds: tenths(seconds), focused: tenths(focused), scroll, ...vitals() })

  function resume() {
    measure()
    changed = true
    clearInterval(timer)
    timer = setInterval(progress, 5000)
    arm()
  }
  function progress() {
    measure()
    if (seconds >= marks[0] * 1000 - 100) {
      marks.shift()
      send(event('progress', seen()))
    }
    arm()
  }
  // The browser sends this event if the page ends without another one. It has the number of the next event, because
  // that one replaces it.
  function arm() {
    later?.abort()
    if (!window.fetchLater || !counted || !opened) return
    later = new AbortController()
    try {
      fetchLater(url, { method: 'POST', body: text('progress', n + 1, seen()), mode: 'no-cors', credentials: 'omit', signal: later.signal })
    } catch {} // no quota
  }
  // Returns the text of the last leave: a new one if anything was seen since.
  function leave() {
    clearInterval(timer)
    later?.abort()
    measure()
    if (changed) last = event('leave', seen())
    changed = false
    return last
  }

  function show() {
    if (off || !started || document.visibilityState !== 'visible') return
    if (view === null || path !== here()) begin() // the path can change while the page is hidden
    else resume()
  }
  function moved() {
    if (view === null || path === here() || document.visibilityState !== 'visible') return
    send(leave())
    begin()
  }
  document.addEventListener('visibilitychange', e => {
    if (document.visibilityState === 'visible') return show()
    hidden = Math.min(hidden, e.timeStamp)
    if (view !== null) send(leave())
  })
  // Browsers lose some beacons of a page that ends, and some fetches, but seldom both.
  addEventListener('pagehide', () => { if (view !== null) post(leave()) })
  addEventListener('pageshow', e => {
    if (!e.persisted || view === null) return
    view = null // it is a new one when the page comes back from the back/forward cache
    show()
  })
  for (const type of ['focus', 'blur', 'scroll']) addEventListener(type, () => { if (view !== null) measure() }, { passive: true })

  if (window.navigation) {
    navigation.addEventListener('currententrychange', moved)
  } else {
    for (const name of ['pushState', 'replaceState']) {
      const change = history[name]
      history[name] = function (...state) {
        change.apply(this, state)
        moved()
      }
    }
    addEventListener('popstate', moved)
    addEventListener('hashchange', moved)
  }

  // Links.
  const files = /\.(7z|apk|csv|deb|dmg|docx?|epub|exe|gz|iso|jar|mov|mp[34]|msi|od[pst]|pdf|pkg|pptx?|rar|rpm|tar|tgz|txt|wav|xlsx?|xml|xz|zip)$/i
  function clicked(e) {
    const link = e.composedPath().find(element => element.localName === 'a' && /^https?:/.test(element.href))
    if (!link || e.button > 1) return
    const { origin, pathname, host } = new URL(link.href)
    const props = { url: origin + pathname }
    if (link.hasAttribute('download') || files.test(pathname)) emit('download', props)
    else if (host !== location.host) emit('outbound', props)
  }
  addEventListener('click', clicked, true)
  addEventListener('auxclick', clicked, true)

  // Errors: the first ten distinct ones of a page, without the queries of URLs.
  const errors = new Set()
  function failed(name, props) {
    for (const key in props) {
      if (typeof props[key] === 'string') props[key] = props[key].replace(/(\b[a-z][\w+.-]*:\/\/[^\s?#]*)[?#][^\s:)]*/gi, '$1').slice(0, 1000)
    }
    const key = name + props.message + props.file + props.line
    if (errors.size === 10 || errors.has(key)) return
    errors.add(key)
    emit(name, props)
  }
  addEventListener('error', e => failed('error', { message: e.message, file: e.filename, line: e.lineno, column: e.colno, stack: e.error?.stack }))
  addEventListener('unhandledrejection', ({ reason }) => {
    let message = 'a reason without a text'
    try { message = String(reason?.message ?? reason) } catch {}
    failed('unhandledrejection', { message, stack: reason?.stack })
  })
  addEventListener('securitypolicyviolation', e => {
    failed('securitypolicyviolation', { message: e.effectiveDirective, blocked: e.blockedURI, file: e.sourceFile, line: e.lineNumber, column: e.columnNumber })
  })

  // Web Vitals. Those that the engine does not report are absent.
  let fcp, lcp, shifts, interactions, before
  const flushes = []
  const navigated = performance.getEntriesByType('navigation')[0]
  const activated = () => navigated?.activationStart || 0 // a page that was loaded in advance is shown then
  // The first time that the page was hidden: what is painted later took no user's time.
  let hidden = document.prerendering ? Infinity
    : performance.getEntriesByType('visibility-state').find(e => e.name === 'hidden' && e.startTime >= activated())?.startTime
    ?? (document.visibilityState === 'hidden' ? 0 : Infinity)
  function observe(type, use, more) {
    if (!window.PerformanceObserver?.supportedEntryTypes?.includes(type)) return false
    const observer = new PerformanceObserver(list => list.getEntries().forEach(use))
    observer.observe({ type, buffered: true, ...more })
    return flushes.push(() => observer.takeRecords().forEach(use)) > 0
  }
  // Those of loading belong to the first page view, the others to the one in which they happen.
  function forgetVitals() {
    fcp = lcp = undefined
    shifts = { most: 0, sum: 0 }
    interactions = []
    before = performance.interactionCount
  }
  forgetVitals()
  before = 0
  observe('paint', e => { if (e.name === 'first-contentful-paint' && e.startTime < hidden) fcp = e.startTime })
  observe('largest-contentful-paint', e => { if (e.startTime < hidden) lcp = e.startTime })
  const shifting = observe('layout-shift', e => {
    if (e.hadRecentInput) return
    const same = e.startTime - shifts.end < 1000 && e.startTime - shifts.start < 5000 // of one session window
    shifts.start = same ? shifts.start : e.startTime
    shifts.end = e.startTime
    shifts.sum = (same ? shifts.sum : 0) + e.value
    shifts.most = Math.max(shifts.most, shifts.sum)
  })
  function interacted(e) {
    if (!e.interactionId) return
    const known = interactions.find(i => i.id === e.interactionId)
    if (known) known.duration = Math.max(known.duration, e.duration)
    else interactions.push({ id: e.interactionId, duration: e.duration })
    interactions.sort((a, b) => b.duration - a.duration).splice(10)
  }
  observe('event', interacted, { durationThreshold: 40 })
  observe('first-input', interacted)

  function vitals() {
    for (const flush of flushes) flush()
    const v = {}
    const since = time => Math.max(0, Math.round(time - activated()))
    const { responseStart = 0 } = navigated ?? {}
    if (landing && responseStart > 0 && responseStart <= at) v.ttfb = since(responseStart)
    if (landing && fcp !== undefined) v.fcp = since(fcp)
    if (landing && lcp !== undefined) v.lcp = since(lcp)
    if (shifting && (fcp !== undefined || !landing)) v.cls = Math.round(shifts.most * 1e4) / 1e4
    // One of fifty interactions may be slower.
    const count = (performance.interactionCount ?? 0) - (before ?? 0)
    if (interactions.length) v.inp = Math.round(interactions[Math.min(interactions.length - 1, Math.floor(count / 50))].duration)
    return v
  }

  show()
  for (const call of early ?? []) custom(...call)
})()
