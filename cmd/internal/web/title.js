// The title counts the beacons that came while the tab was hidden.
const plain = document.title
let total, seen

export function count(c) {
  total = c.total
  if (seen === undefined) seen = total
  if (total < seen) seen = 0 // the collector has started again
  show()
}

// reset is called when the counts become those of another filter.
export function reset() {
  seen = undefined
}

function show() {
  const n = document.hidden && total - seen
  document.title = n ? `(${n.toLocaleString()}) ${plain}` : plain
}

document.addEventListener('visibilitychange', () => {
  seen = total
  show()
})
