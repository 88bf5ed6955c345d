const columns = ['id', 'received_at', 'sent_at', 'stream', 'query', 'origin', 'referrer',
  'user_agent', 'ip', 'content_type', 'kind', 'size', 'error', 'bot']
export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })
const dayAndClock = new Intl.DateTimeFormat(undefined,
  { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
let rows = 0

// element is the only way text gets into the page: as text, never as HTML.
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value)
  e.append(...children)
  return e
}

export function bytes(n) {
  return n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / (1 << 20)).toFixed(1)} MiB`
}

export function fields(b, names) {
  return element('dl', { class: 'fields' }, ...names.flatMap(name => [
    element('dt', {}, name),
    element('dd', {}, element('bdi', {}, name === 'size' ? `${b.size} bytes` : String(b[name] ?? '') || '–')),
  ]))
}

export function pretty(data) {
  const flat = JSON.stringify(data)
  // Indenting costs depth times length: 10,000 nested brackets would be 200 MB of spaces.
  let depth = 0, deepest = 0
  for (const c of flat) {
    if (c === '[' || c === '{') deepest = Math.max(deepest, ++depth)
    else if (c === ']' || c === '}') depth--
  }
  return deepest > 100 ? flat : JSON.stringify(data, null, 2)
}

function what(b) {
  if (b.error) return element('span', { class: 'error' }, `Error: ${b.error}`)
  if (b.size === 0 && b.kind !== 'pixel') return element('span', { class: 'quiet' }, 'empty')
  const asSent = b.kind === 'json' || b.kind === 'text' || b.data === null
  const line = asSent && b.text !== null ? b.text : b.data !== null ? JSON.stringify(b.data) : null
  if (line === null) return element('span', { class: 'quiet' }, 'not text')
  return element('bdi', {}, line.slice(0, 400).replace(/\s+/g, ' '))
}

function detail(b) {
  const parts = []
  const block = (title, text) => parts.push(element('h3', {}, title), element('pre', { tabindex: 0, role: 'group', 'aria-label': title }, text))
  if (b.data !== null) block('data', pretty(b.data))
  if (b.text && b.text !== JSON.stringify(b.data)) block(b.size > 2048 ? 'body, its first 2 KiB' : 'body', b.text)
  return [...parts, element('h3', {}, 'fields'), fields(b, columns)]
}

// rowOf is one beacon as a <tbody>: a row to read and a row that opens below it.
export function rowOf(b) {
  const at = new Date(b.received_at)
  const today = at.toDateString() === new Date().toDateString()
  const id = `beacon-${++rows}`
  const button = element('button', { type: 'button', 'aria-expanded': false, 'aria-controls': id },
    element('time', { datetime: b.received_at, title: b.received_at }, (today ? clock : dayAndClock).format(at)),
    element('span', { class: 'unseen' }, ' details'))
  const cell = (name, ...children) => element('td', { role: 'cell', class: name }, ...children)
  const inside = element('td', { role: 'cell', colspan: 6 })
  const below = element('tr', { role: 'row', id, class: 'detail', hidden: '' }, inside)
  const tbody = element('tbody', { role: 'rowgroup' },
    element('tr', { role: 'row', class: 'line' },
      cell('time', button), cell('stream', element('bdi', {}, b.stream)), cell('kind', b.kind),
      cell('size', bytes(b.size)), cell('what', what(b)), cell('origin', element('bdi', {}, b.origin || '–'))),
    below)
  tbody.toggle = () => {
    b.open = !b.open
    if (!inside.hasChildNodes()) inside.append(...detail(b))
    below.hidden = !b.open
    button.setAttribute('aria-expanded', b.open)
  }
  return tbody
}
