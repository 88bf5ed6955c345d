const link = document.getElementById('leave')
let visit, since, used

function begin() {
  // crypto.randomUUID exists on https and loopback only.
  visit = Array.from(crypto.getRandomValues(new Uint8Array(8)), n => n.toString(16).padStart(2, '0')).join('')
  since = performance.now()
  used = false
  link.href = `/-/bye?visit=${visit}`
}

link.addEventListener('click', () => { used = true })

addEventListener('pagehide', () => {
  if (!used) return
  const page = location.origin + location.pathname
  const seconds_on_page = Math.round((performance.now() - since) / 100) / 10
  navigator.sendBeacon('/leave', new Blob([JSON.stringify({ visit, page, seconds_on_page })], { type: 'application/json' }))
})

addEventListener('pageshow', e => { if (e.persisted) begin() })
begin()
