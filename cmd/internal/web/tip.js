// Tooltips of the charts, on hover, touch and focus. Arrow keys go from point to point.

const width = 1000 // of a chart's viewBox
let shown = null // the chart with a tooltip

// Makes the charts of a page reachable by the keyboard. Their texts are tooltips here, in place of the browser's.
export function prepare(page) {
  for (const chart of page.querySelectorAll('.shapes')) {
    const spots = chart.querySelectorAll('.spot')
    for (const spot of spots) {
      spot.dataset.text = spot.textContent
      spot.replaceChildren()
    }
    chart.setAttribute('tabindex', 0)
    chart.setAttribute('role', 'slider')
    chart.setAttribute('aria-readonly', true)
    chart.setAttribute('aria-valuemin', 0)
    chart.setAttribute('aria-valuemax', spots.length - 1)
    select(chart, spots.length - 1)
  }
}

const spotsOf = chart => [...chart.querySelectorAll('.spot')]

function select(chart, i) {
  chart.setAttribute('aria-valuenow', i)
  chart.setAttribute('aria-valuetext', spotsOf(chart)[i].dataset.text.replaceAll('\n', ', '))
}

function show(chart, i) {
  if (shown !== chart) hide()
  const spots = spotsOf(chart)
  i = Math.min(Math.max(i, 0), spots.length - 1)
  select(chart, i)
  chart.querySelector('.on')?.classList.remove('on')
  spots[i].classList.add('on')
  const tip = chart.parentElement.querySelector('.tip')
  tip.textContent = spots[i].dataset.text
  tip.hidden = false
  // Beside the point, on the side that has room.
  const left = spots[i].x.baseVal.value / width * chart.clientWidth
  const right = (spots[i].x.baseVal.value + spots[i].width.baseVal.value) / width * chart.clientWidth
  const fits = right + tip.offsetWidth + 8 <= chart.clientWidth
  tip.style.left = Math.max(fits ? right + 8 : left - tip.offsetWidth - 8, 0) + 'px'
  shown = chart
}

function hide() {
  shown?.querySelector('.on')?.classList.remove('on')
  const tip = shown?.parentElement.querySelector('.tip')
  if (tip) tip.hidden = true
  shown = null
}

// On the document, because the charts are replaced.
for (const type of ['pointermove', 'pointerdown']) {
  document.addEventListener(type, e => {
    const chart = e.target.closest?.('.shapes')
    if (!chart) {
      if (shown && shown !== document.activeElement) hide()
      return
    }
    const box = chart.getBoundingClientRect()
    const at = (e.clientX - box.left) / box.width * width
    show(chart, spotsOf(chart).findLastIndex(s => s.x.baseVal.value <= at))
  })
}
const now = chart => Number(chart.getAttribute('aria-valuenow'))
document.addEventListener('focusin', e => {
  if (e.target.matches('.shapes') && shown !== e.target) show(e.target, now(e.target))
})
document.addEventListener('focusout', e => { if (e.target === shown) hide() })
document.addEventListener('keydown', e => {
  const chart = e.target
  if (!chart.matches?.('.shapes') || e.ctrlKey || e.altKey || e.metaKey) return
  const to = { ArrowLeft: now(chart) - 1, ArrowDown: now(chart) - 1, ArrowRight: now(chart) + 1, ArrowUp: now(chart) + 1, Home: 0, End: Infinity }[e.key]
  if (to !== undefined) {
    e.preventDefault()
    show(chart, to)
  } else if (e.key === 'Escape') hide()
})
