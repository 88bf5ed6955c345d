const svg = document.getElementById('chart')
const show = (id, n) => { document.getElementById(id).textContent = n.toLocaleString() }
const bars = [svg.querySelector('rect')]
while (bars.length < 60) bars.push(svg.appendChild(bars[0].cloneNode(true)))
bars.forEach((bar, i) => bar.setAttribute('x', i * 10 + 1))

let newest = null, came = 0, frozen = false

export function count(c) {
  newest = c
  came = Date.now()
  draw()
}

// freeze keeps the figures as they are while the collector does not answer.
export function freeze(on) {
  frozen = on
}

// The collector sends no count while nothing arrives, but the minutes go by.
setInterval(draw, 5000)

function draw() {
  if (!newest || frozen) return
  const gone = Math.min(60, Math.max(0, Math.floor((Date.now() - came) / 60_000)))
  const minutes = [...newest.minutes.slice(gone), ...Array(gone).fill(0)]
  const hour = minutes.reduce((a, b) => a + b, 0)
  const peak = Math.max(...minutes)
  bars.forEach((bar, i) => {
    const n = minutes[i]
    const height = n && Math.max(2, 100 * n / peak)
    bar.setAttribute('y', 100 - height)
    bar.setAttribute('height', height)
    const at = new Date((newest.now + (i + gone - 59) * 60) * 1000)
    bar.firstChild.textContent = `${at.toLocaleTimeString([], { timeStyle: 'short' })}: ${n.toLocaleString()}`
  })
  show('hour', hour)
  show('minute', minutes[59])
  show('total', newest.total)
  show('lost', newest.lost)
  document.getElementById('lost-figure').hidden = !newest.lost
  document.getElementById('peak').textContent = peak ? `${peak.toLocaleString()} a minute` : ''
  svg.setAttribute('aria-label', `Beacons a minute over the last hour: ${hour.toLocaleString()} in all, ` +
    `${minutes[59].toLocaleString()} this minute, at most ${peak.toLocaleString()}`)
}
