// Counts the visits of every page that loads it, as a classic script, from a collector, and gives
// the page beacon(stream, data) for beacons of its own. It sets no cookie and keeps nothing: a
// visit's number ties its leaving to its view, and is forgotten with the page.
(() => {
  // A module can't know where it came from in a way that a classic script could be written in too.
  const script = document.currentScript
  if (!script?.src) {
    console.warn('beacon.js counts nothing here: it has to be loaded by a script element with src, and not as a module')
    return
  }
  // A page that loads it twice is still seen once.
  const loaded = Symbol.for('beacon.js')
  if (window[loaded]) return
  window[loaded] = true

  // The collector may be below a path, and the script have another name there.
  const collector = script.src.split(/[?#]/)[0].replace(/\/[^/]*$/, '')
  const stream = script.dataset.stream || '/visits'
  let visit, page, seconds
  let since = null // is null while the page isn't seen

  // What can't be sent is no reason to break the page. There is always one slash before the
  // stream, so that no name of one makes another host. A string has a CORS-safelisted type, and so
  // needs no preflight, whose answer a page that goes away may not live to see.
  function send(to, data) {
    try {
      return navigator.sendBeacon(collector + '/' + String(to).replace(/^\/+/, ''), JSON.stringify(data))
    } catch {
      return false
    }
  }
  // The name may be the page's.
  if (!('beacon' in window)) window.beacon = send

  const here = () => location.href.split('#')[0]
  const seen = () => document.visibilityState === 'visible'

  function begin(referrer) {
    visit = Array.from(crypto.getRandomValues(new Uint8Array(8)), n => n.toString(16).padStart(2, '0')).join('')
    page = here()
    seconds = 0
    since = seen() ? performance.now() : null
    send(stream, { event: 'view', visit, page, referrer })
  }

  // Nobody knows whether a page that is hidden will be seen again: of a visit's leavings the last
  // one counts. One that wasn't seen since has nothing to add.
  function leave() {
    if (since === null) return
    seconds += (performance.now() - since) / 1000
    since = null
    send(stream, { event: 'leave', visit, page, seconds: Math.round(seconds * 10) / 10 })
  }

  document.addEventListener('visibilitychange', () => {
    if (!seen()) leave()
    else if (!visit) begin(document.referrer)
    else if (here() !== page) begin(page) // its address changed while it was hidden
    else since = performance.now()
  })
  // A page that comes back from the cache is seen anew.
  addEventListener('pageshow', e => { if (e.persisted) begin(page) })
  // An application that changes its address by script shows another page, if anybody looks.
  window.navigation?.addEventListener('currententrychange', () => {
    if (since === null || here() === page) return
    leave()
    begin(page)
  })

  // Not one that is made ready before anybody looks.
  if (seen()) begin(document.referrer)
})()
