// Says which files of the table are damaged, as long as there are some.
import { withToken } from './tail.js'

const notice = document.getElementById('damage')
const every = 60_000

async function look() {
  const status = await fetch(withToken('/-/table/status')).then(r => r.ok ? r.json() : null, () => null)
  if (status === null) return // the state at the top says why
  const damaged = status.damaged ?? []
  const text = damaged.map(d => `${d.name} (${d.rows} rows from ${d.first} to ${d.last})`).join(', ')
  notice.hidden = damaged.length === 0
  // Written only when it changes: every write is read aloud.
  const words = text && `Answers lack the rows of damaged files: ${text}. Run “beacon table check” to see what can be rebuilt.`
  if (notice.textContent !== words) notice.textContent = words
}

look()
setInterval(look, every)
