import { empty } from './filter.js'
import { rowOf } from './row.js'

const mostRows = 200
const mostKept = 500 // a hidden tab draws no rows, and removes none

const table = document.getElementById('beacons')
const pause = document.getElementById('pause')
const shown = document.getElementById('shown')
const waiting = document.getElementById('waiting')
const none = document.getElementById('empty')

const kept = [] // newest first
const ids = new Set()
let paused = false, held = [], missed = 0, due = 0, drawn = 0, ready = false, arrived = 0, began = ''

// add takes a beacon from the tail. After a reconnect the tail begins with
// beacons that are here already, and with some that were skipped before.
export function add(b) {
  if (ids.has(b.id)) return
  ids.add(b.id)
  if (paused && ready) {
    missed++
    held.push(b)
    if (held.length > mostRows) ids.delete(held.shift().id)
  } else {
    keep(b)
  }
  redraw()
}

// count takes the collector's counts. The first ones come after its newest beacons: from then on an empty
// table is really empty.
export function count({ total, started }) {
  ready = true
  arrived = total
  began = started
  redraw()
}

// reset empties the table for the beacons of another filter, which show up also while it is paused.
export function reset() {
  for (const b of kept) b.row?.remove()
  kept.length = missed = arrived = 0
  held = []
  ids.clear()
  ready = false
  redraw()
}

// size returns how many beacons the table has.
export function size() {
  return ids.size
}

function keep(b) {
  const at = kept.findIndex(k => k.received_at <= b.received_at)
  kept.splice(at < 0 ? kept.length : at, 0, b)
  if (kept.length > mostKept) ids.delete(kept.splice(kept.findLastIndex(k => !k.row), 1)[0].id)
}

// In a rush every frame would swap all the rows, faster than a person can read.
function redraw() {
  due ||= setTimeout(() => requestAnimationFrame(draw), Math.max(0, drawn + 250 - performance.now()))
}

function draw() {
  due = 0
  drawn = performance.now()
  // A row that is open or has the focus stays, however fast the others come.
  const inUse = b => b.open || b.row?.contains(document.activeElement)
  let room = mostRows - kept.filter(inUse).length
  const fresh = []
  for (const b of [...kept]) {
    if (inUse(b) || room-- > 0) {
      if (!b.row) fresh.push(b)
    } else {
      kept.splice(kept.indexOf(b), 1)
      ids.delete(b.id)
      b.row?.remove()
    }
  }
  for (const b of fresh) {
    b.row = rowOf(b)
    // One or two may be pointed out; a rush of them would only flicker.
    b.row.classList.toggle('new', fresh.length < 10)
  }
  let at = table.tHead.nextElementSibling
  for (const b of kept) {
    if (b.row === at) at = at.nextElementSibling
    else table.insertBefore(b.row, at)
  }
  // The collector does not count beacons from before its start. Its count can be a second old.
  const older = kept.some(b => b.received_at < began)
  const all = Math.max(arrived, kept.length).toLocaleString()
  shown.textContent = kept.length.toLocaleString() + (older ? ', also from before the start' : ` of ${all} since the start`)
  shown.hidden = !ready || kept.length + arrived === 0
  waiting.textContent = paused && missed ? `${missed.toLocaleString()} new` : ''
  table.hidden = kept.length === 0
  none.hidden = !ready || kept.length > 0
  if (!none.hidden) none.textContent = empty()
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
