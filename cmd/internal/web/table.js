import { rowOf } from './row.js'

const mostRows = 200
const mostKept = 500 // more than are shown, so that a filter has something to look back on

const table = document.getElementById('beacons')
const filter = document.getElementById('filter')
const pause = document.getElementById('pause')
const waiting = document.getElementById('waiting')
const empty = document.getElementById('empty')
const nomatch = document.getElementById('nomatch')

const kept = [] // newest first
const ids = new Set()
let paused = false, held = [], missed = 0, due = 0, drawn = 0, ready = false

// add takes a beacon from the tail. After a reconnect the tail begins with
// beacons that are here already, and with some that were skipped before.
export function add(b) {
  if (ids.has(b.id)) return
  ids.add(b.id)
  if (paused) {
    missed++
    held.push(b)
    if (held.length > mostKept) ids.delete(held.shift().id)
  } else {
    keep(b)
  }
  redraw()
}

// settled is called when the collector has sent its newest beacons: from then on an empty table is
// really empty.
export function settled() {
  if (ready) return
  ready = true
  redraw()
}

function keep(b) {
  const at = kept.findIndex(k => k.received_at <= b.received_at)
  kept.splice(at < 0 ? kept.length : at, 0, b)
  if (kept.length <= mostKept) return
  const [gone] = kept.splice(kept.findLastIndex(k => !k.row), 1)
  ids.delete(gone.id)
}

// In a rush every frame would swap all the rows, faster than a person can read.
function redraw() {
  due ||= setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawn + 250 - performance.now()))
}

function draw() {
  due = 0
  drawn = performance.now()
  const text = filter.value.trim().toLowerCase()
  const matching = kept.filter(b => b.stream.toLowerCase().includes(text))
  // A row that is open or has the focus stays, however fast the others come.
  const inUse = b => b.open || b.row?.contains(document.activeElement)
  let room = mostRows - matching.filter(inUse).length
  const shown = new Set(matching.filter(b => inUse(b) || room-- > 0))

  for (const b of kept) {
    if (!b.row || shown.has(b)) continue
    b.row.remove()
    b.row = null
    b.open = false
  }
  const fresh = [...shown].filter(b => !b.row)
  for (const b of fresh) {
    b.row = rowOf(b)
    // One or two may be pointed out; a rush of them would only flicker.
    b.row.classList.toggle('new', fresh.length < 10)
  }
  let at = table.tHead.nextElementSibling
  for (const b of shown) {
    if (b.row === at) at = at.nextElementSibling
    else table.insertBefore(b.row, at)
  }
  waiting.textContent = paused && missed ? `${missed.toLocaleString()} new` : ''
  table.hidden = shown.size === 0
  empty.hidden = !ready || kept.length > 0 || held.length > 0
  nomatch.hidden = kept.length === 0 || shown.size > 0
}

pause.addEventListener('click', () => {
  paused = !paused
  pause.textContent = paused ? 'Resume' : 'Pause'
  if (!paused) {
    held.forEach(keep)
    held = []
    missed = 0
  }
  redraw()
})

table.addEventListener('click', e => {
  const line = e.target.closest('tr.line')
  if (line && (e.target.closest('button') || getSelection().isCollapsed)) line.parentNode.toggle()
})

filter.addEventListener('input', () => {
  const hash = filter.value ? '#' + new URLSearchParams({ stream: filter.value }) : ''
  history.replaceState(null, '', location.pathname + location.search + hash)
  redraw()
})

function readHash() {
  filter.value = new URLSearchParams(location.hash.slice(1)).get('stream') ?? ''
  redraw()
}
addEventListener('hashchange', readHash)
readHash()
