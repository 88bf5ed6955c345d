// Says which requests look like beacons and were not stored, and which senders seem to repeat their beacons.
const section = document.getElementById('senders')
const list = document.getElementById('senders-list')
const most = 5

export function notice({ gets, repeated }) {
  const items = [
    ...byCount(gets).map(([path, n]) => item(`${times(n)} a GET of `, path, ' with a query came and was not stored. If it is a beacon, start the collector with ', `--get ${quoted(path)}`)),
    ...byCount(repeated).map(([stream, n]) => item(`${times(n)} one client sent the same beacon to `, stream, ' again and again. Its sender may expect another answer: ', `--answer ${quoted(stream + '=200')}`)),
  ]
  section.hidden = items.length === 0
  list.replaceChildren(...items)
}

// quoted is text as one word of a shell.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function byCount(counts) {
  return Object.entries(counts ?? {}).sort((a, b) => b[1] - a[1]).slice(0, most)
}

function times(n) {
  return n === 1 ? 'Once' : `${n} times`
}

// item has plain text and, at each second place, code. Paths come from strangers, so nothing is parsed as HTML.
function item(...parts) {
  const li = document.createElement('li')
  parts.forEach((part, i) => {
    if (i % 2 === 0) {
      li.append(part)
    } else {
      const code = document.createElement('code')
      code.textContent = part
      li.append(code)
    }
  })
  return li
}
