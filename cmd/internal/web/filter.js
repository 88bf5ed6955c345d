// The filter chooses streams for the whole page. The collector applies it: streamFilter in collect/paths.go has the rules.
const field = document.getElementById('filter')
const scope = document.getElementById('scope')
const words = scope.querySelector('p')
const options = document.getElementById('streams')
const typing = 300 // ms from a key to the request
const mostOptions = 100

const known = new Set()
let stream = '', changed = () => {}, timer, told

// follow calls onChange with each new filter, and at once with that of the URL.
export function follow(onChange) {
  changed = onChange
  readHash()
}

// empty says why no beacon is shown.
export function empty() {
  if (!stream) return 'None of the newest beacons is in memory. New ones show up here.'
  const longer = stream.startsWith('/') && !stream.includes('*') ? ` For all streams that begin with it, write ${stream}*` : ''
  return `None of the newest beacons is of ${what()}. New ones show up here.${longer}`
}

// suggest offers a stream for the filter.
export function suggest(name) {
  if (known.has(name) || known.size === mostOptions) return
  known.add(name)
  const option = document.createElement('option')
  option.value = name
  options.append(option)
}

// count says what the figures count.
export function count({ uncounted }) {
  scope.hidden = !stream
  const lack = uncounted ? ` ${uncounted.toLocaleString()} beacons are not counted by stream, so the figures can be too low.` : ''
  const text = stream && `The figures, the chart and the list are of ${what()} only.${lack}`
  if (text !== told) words.textContent = told = text // a screen reader reads every write aloud
}

function what() {
  if (!stream.startsWith('/')) return `streams with ${stream} in them`
  return stream.includes('*') ? `streams like ${stream}` : `the stream ${stream}`
}

function set(text) {
  clearTimeout(timer)
  if (text === stream) return
  stream = text
  const hash = stream ? '#' + new URLSearchParams({ stream }) : ''
  history.replaceState(null, '', location.pathname + location.search + hash)
  count({})
  changed(stream)
}

function readHash() {
  field.value = stream = new URLSearchParams(location.hash.slice(1)).get('stream') ?? ''
  count({})
  changed(stream)
}

field.addEventListener('input', () => {
  clearTimeout(timer)
  timer = setTimeout(() => set(field.value.trim()), typing)
})
field.addEventListener('keydown', e => {
  if (e.key === 'Enter') set(field.value.trim())
  if (e.key === 'Escape') set(field.value = '')
})
document.getElementById('all').addEventListener('click', () => {
  set(field.value = '')
  field.focus()
})
addEventListener('hashchange', readHash)
