// Sends page views and events of a site to a collector. Sets no cookie. Stores only the visitor's opt-out.
// docs/script.md describes it.
(() => {
  const settings = { stream: 'visits', share: 1 } // the collector writes this line
  const { console, crypto, document, history, location, navigator, performance } = window // the page may have others
  const warn = text => console.warn('beacon: ' + text)
  const script = document.currentScript
  if (!script?.src) return warn('nothing is sent: load the script by a script element with src, and not as a module')
  const loaded = Symbol.for('beacon')
  if (window[loaded]) return // the page loads it twice
  window[loaded] = true

  // Nothing is thrown into the page, whose objects can do anything.
  const attempt = f => { try { return f() } catch {} }
  const listen = (target, type, f, options) => target.addEventListener(type, e => attempt(() => f(e)), options)

  // The collector may be below a path.
  const url = script.src.split(/[?#]/)[0].replace(/[^/]*$/, settings.stream)
  const { query = '', hash, status, sample = '1', consent } = script.dataset
  const parameters = query.split(/[\s,]+/).filter(Boolean)
  const isShare = sample !== '' && sample >= 0 && sample <= 1
  if (!isShare) warn('data-sample is ignored: write a number from 0 to 1, such as 0.1')
  const share = settings.share * (isShare ? sample : 1)

  const own = attempt(() => window.beacon)
  const early = Array.isArray(own?.q) ? own.q : null // calls before this script
  if (early || own === undefined || own instanceof Element) window.beacon = custom // else the name is the page's
  let started = consent === undefined || early?.started
  custom.start = () => { started = true; attempt(show) }

  // The page view.
  let view = null // its random id
  let landing // it is the first one of this page
  let n // number of its last event
  let path, counted
  let opened, opening // its event view is sent; the timer that sends it
  let at, visible, hasFocus // time of the last measure(), and the page's state since then
  let visibleTime, focusedTime // in milliseconds
  let scroll // percent of the page's height
  let changed, last // the page was visible after the last leave; the text of that leave
  let marks // visible seconds at which progress is sent
  let timer, deferred
  const waiting = [] // events before the first page view

  let off
  function choose() {
    off = navigator.webdriver || share === 0
    attempt(() => { // pages without storage
      if (location.hash === '#beacon-off') window.localStorage.setItem('beacon-off', '1')
      if (location.hash === '#beacon-on') window.localStorage.removeItem('beacon-off')
      off ||= window.localStorage.getItem('beacon-off') !== null
    })
    if (off) deferred?.abort()
  }

  function currentPath() {
    const kept = new URLSearchParams([...new URLSearchParams(location.search)].filter(([name]) => parameters.includes(name))).toString()
    return location.pathname + (kept && '?' + kept) + (hash === undefined ? '' : location.hash.split('?')[0])
  }

  const text = (name, number, more) => JSON.stringify({ name, view, n: number, path, weight: Math.round(1e4 / share) / 1e4, ...more })
  function event(name, more) {
    sendView()
    return text(name, ++n, more)
  }
  // A string needs no preflight, whose answer can come after the page has ended.
  const init = body => ({ method: 'POST', body, mode: 'no-cors', credentials: 'omit', referrerPolicy: 'origin' })
  async function post(body) {
    if (off || !counted) return
    for (const keepalive of [true, false]) {
      try { return await fetch(url, { ...init(body), keepalive }) } catch {}
    }
  }
  function send(body) {
    if (off || !counted) return
    if (!attempt(() => navigator.sendBeacon(url, body))) post(body) // an extension may have removed it
  }

  function custom(name, props) {
    if (typeof name === 'string' && !['', 'view', 'leave', 'progress'].includes(name)) return emit(name, props)
    warn('nothing is sent: the first argument of beacon() is a name of your own, and not view, leave or progress')
    return false
  }
  function emit(name, props) {
    if (off) return false
    const json = attempt(() => JSON.stringify({ props })) // as it is now
    if (!json) {
      warn(name + ' is not sent: its properties can not be JSON')
      return false
    }
    if (view === null) return waiting.length < 100 && waiting.push([name, JSON.parse(json)]) > 0
    send(event(name, JSON.parse(json)))
    defer()
    return counted
  }

  function begin() {
    landing = landing === undefined
    view = Array.from(crypto.getRandomValues(new Uint8Array(8)), b => b.toString(16).padStart(2, '0')).join('')
    counted = Math.random() < share
    path = currentPath()
    n = visibleTime = focusedTime = scroll = 0
    at = performance.now()
    marks = window.fetchLater ? [5] : [5, 15, 45, 135]
    opened = false
    clearTimeout(opening)
    if (landing) {
      sendView()
    } else {
      forgetVitals()
      opening = setTimeout(sendView, 100) // an application sets the title after it has changed the address
    }
    for (const [name, { props }] of waiting.splice(0)) emit(name, props)
    resume()
  }
  function sendView() {
    if (opened) return
    opened = true
    const screen = innerWidth < 576 ? 'phone' : innerWidth < 992 ? 'tablet' : innerWidth < 1440 ? 'laptop' : 'desktop'
    const more = { title: attempt(() => document.title), screen, language: navigator.language }
    if (status) more.status = +status
    if (landing) {
      const host = attempt(() => new URL(document.referrer).host)
      if (host && host !== location.host) more.source = host
      for (const [name, value] of new URLSearchParams(location.search)) {
        if (/^utm_(source|medium|campaign|term|content)$/.test(name)) more[name] = value
      }
    }
    send(event('view', more))
    defer()
  }

  // Adds the time since the last call.
  function measure() {
    const now = performance.now()
    if (visible) visibleTime += now - at
    if (visible && hasFocus) focusedTime += now - at
    at = now
    visible = document.visibilityState === 'visible'
    hasFocus = document.hasFocus()
    const page = document.scrollingElement
    const depth = page && Math.round((page.scrollTop + innerHeight) / page.scrollHeight * 100)
    if (depth > scroll) scroll = Math.min(100, depth)
  }
  const tenths = time => Math.round(time / 100) / 10
  const measurements = () => ({ seconds: tenths(visibleTime), focused: tenths(focusedTime), scroll, ...attempt(vitals) })

  function resume() {
    measure()
    changed = true
    clearInterval(timer)
    timer = setInterval(progress, 5000)
    defer()
  }
  function progress() {
    measure()
    if (visibleTime >= marks[0] * 1000 - 100) {
      marks.shift()
      send(event('progress', measurements()))
    }
    defer()
  }
  // The browser sends this event if the page ends without another one. It has the number of the next event, because
  // that one replaces it.
  function defer() {
    deferred?.abort()
    if (off || !counted || !opened) return
    deferred = new AbortController()
    attempt(() => fetchLater(url, { ...init(text('progress', n + 1, measurements())), signal: deferred.signal }))
  }
  // Returns the text of the last leave: a new one if the page was visible since.
  function leave() {
    clearInterval(timer)
    deferred?.abort()
    measure()
    if (changed) last = event('leave', measurements())
    changed = false
    return last
  }

  function show() {
    if (off || !started || document.visibilityState !== 'visible') return
    if (view === null || path !== currentPath()) begin() // the path can change while the page is hidden
    else resume()
  }
  function pathChanged() {
    if (view === null || path === currentPath() || document.visibilityState !== 'visible') return
    send(leave())
    begin()
  }
  listen(document, 'visibilitychange', e => {
    if (document.visibilityState === 'visible') return show()
    hidden = Math.min(hidden, e.timeStamp)
    if (view !== null) send(leave())
  })
  // Browsers lose some beacons of a page that ends, and some fetches, but seldom both. When a browser with fetchLater
  // quits, it loses both.
  listen(window, 'pagehide', () => {
    if (view === null || off || !counted) return
    const body = leave()
    if (!attempt(() => fetchLater(url, init(body)))) post(body)
  })
  listen(window, 'pageshow', e => {
    if (!e.persisted || view === null) return
    view = null // a page from the back/forward cache is a new view
    show()
  })
  for (const type of ['focus', 'blur', 'scroll']) listen(window, type, () => { if (view !== null) measure() }, { passive: true })

  // A router can change the path several times in one task: the last one counts.
  const moved = () => setTimeout(() => attempt(pathChanged))
  if (window.Navigation && window.navigation instanceof Navigation) {
    listen(window.navigation, 'currententrychange', moved)
  } else {
    for (const name of ['pushState', 'replaceState']) {
      const change = history[name]
      attempt(() => {
        history[name] = function (...state) {
          change.apply(this, state)
          moved()
        }
      })
    }
    listen(window, 'popstate', moved)
  }
  listen(window, 'hashchange', () => {
    if (/^#beacon-o/.test(location.hash)) {
      choose()
      show()
    }
    moved()
  })

  // Links.
  const files = /\.(7z|apk|csv|deb|dmg|docx?|epub|exe|gz|iso|jar|mov|mp[34]|msi|od[pst]|pdf|pkg|pptx?|rar|rpm|tar|tgz|txt|wav|xlsx?|xml|xz|zip)$/i
  function clicked(e) {
    const link = e.composedPath().find(element => /^(a|area)$/.test(element.localName) && element.href)
    if (!link || e.button > 1) return
    const { origin, pathname, host, protocol } = new URL(link.href.baseVal ?? link.href, document.baseURI) // baseVal: SVG
    if (!/^https?:/.test(protocol)) return
    const props = { url: origin + pathname }
    if (link.hasAttribute('download') || files.test(pathname)) emit('download', props)
    else if (host !== location.host) emit('outbound', props)
  }
  listen(window, 'click', clicked, true)
  listen(window, 'auxclick', clicked, true)

  // Errors: the first ten distinct ones of a page. Of URLs in them, queries, fragments and users are removed, but not the
  // line and column behind.
  const clean = value => typeof value !== 'string' ? +value || undefined : value.slice(0, 1000)
    .replace(/\b(data|blob|javascript):[^\s"'<>]*/gi, '$1:')
    .replace(/\/\/[^/\s@]*@/g, '//')
    .replace(/(\S)[?#][^\s"'<>]*?((:\d+:\d+)?\)?(?=[\s"'<>]|$))/g, '$1$2')
  const errors = new Set()
  function failed(name, props) {
    if (off || errors.size === 10) return
    for (const key in props) props[key] = clean(props[key])
    const key = name + props.message + props.file + props.line
    if (errors.has(key)) return
    errors.add(key)
    emit(name, props)
  }
  listen(window, 'error', e => failed('error', { message: e.message, file: e.filename, line: e.lineno, column: e.colno, stack: attempt(() => e.error.stack) }))
  listen(window, 'unhandledrejection', ({ reason }) => failed('unhandledrejection', { message: attempt(() => String(reason?.message ?? reason)), stack: attempt(() => reason.stack) }))
  listen(window, 'securitypolicyviolation', e => {
    failed('securitypolicyviolation', { message: e.effectiveDirective, blocked: e.blockedURI, file: e.sourceFile, line: e.lineNumber, column: e.columnNumber })
  })

  // Web Vitals. Those that the engine does not report are absent.
  let fcp, lcp, shifts, interactions, before
  const flushes = []
  const entries = type => attempt(() => performance.getEntriesByType(type)) ?? []
  const activated = () => entries('navigation')[0]?.activationStart || 0 // a page that was loaded in advance is shown then
  // Paints after the page was first hidden do not count: the visitor did not wait for them.
  let hidden = document.prerendering ? Infinity
    : entries('visibility-state').find(e => e.name === 'hidden' && e.startTime >= activated())?.startTime
    ?? (document.visibilityState === 'hidden' ? 0 : Infinity)
  function observe(type, use, more) {
    return attempt(() => {
      if (!PerformanceObserver.supportedEntryTypes.includes(type)) return
      const observer = new PerformanceObserver(list => list.getEntries().forEach(use))
      observer.observe({ type, buffered: true, ...more })
      return flushes.push(() => observer.takeRecords().forEach(use))
    })
  }
  // The vitals of loading belong to the first view, CLS and INP to the view in which they happen.
  function forgetVitals() {
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
    const start = entries('navigation')[0]?.responseStart
    if (landing && start > 0 && start <= at) v.ttfb = since(start)
    if (landing && fcp !== undefined) v.fcp = since(fcp)
    if (landing && lcp !== undefined) v.lcp = since(lcp)
    if (shifting && (fcp !== undefined || !landing)) v.cls = Math.round(shifts.most * 1e4) / 1e4
    // INP leaves out the slowest one of every 50 interactions.
    const count = (performance.interactionCount ?? 0) - (before ?? 0)
    if (interactions.length) v.inp = Math.round(interactions[Math.min(interactions.length - 1, Math.floor(count / 50))].duration)
    return v
  }

  choose()
  attempt(show)
  for (const call of early ?? []) attempt(() => custom(...call))
})()
