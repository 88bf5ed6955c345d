// Counts the visits of every page that loads it, as a classic script, from a collector, and gives
// the page beacon(stream, data) for beacons of its own. It sets no cookie and keeps nothing: a
// visit's number ties its leaving to its view, and is forgotten with the page.
(() => {
  const { src, dataset } = document.currentScript
  const collector = src.slice(0, src.lastIndexOf('/beacon.js'))
  const stream = dataset.stream || '/visits'
  let visit, page, seconds, since

  // A string has a CORS-safelisted type, and so needs no preflight, whose answer a page that goes
  // away may not live to see.
  window.beacon = (stream, data) => navigator.sendBeacon(collector + stream, JSON.stringify(data))

  const here = () => location.href.split('#')[0]

  function begin(referrer) {
    visit = Array.from(crypto.getRandomValues(new Uint8Array(8)), n => n.toString(16).padStart(2, '0')).join('')
    page = here()
    seconds = 0
    since = performance.now()
    beacon(stream, { event: 'view', visit, page, referrer })
  }

  // Nobody knows whether a page that is hidden will be seen again: of a visit's leavings the last
  // one counts.
  function leave() {
    seconds += (performance.now() - since) / 1000
    beacon(stream, { event: 'leave', visit, page, seconds: Math.round(seconds * 10) / 10 })
  }

  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      if (visit) since = performance.now()
      else begin(document.referrer)
    } else if (visit) leave()
  })
  // A page that comes back from the cache is seen anew.
  addEventListener('pageshow', e => { if (e.persisted) begin(page) })
  // An application that changes its address by script shows another page.
  window.navigation?.addEventListener('currententrychange', () => {
    if (!visit || here() === page) return
    leave()
    begin(page)
  })

  // Not one that is made ready before anybody looks.
  if (document.visibilityState === 'visible') begin(document.referrer)
})()
