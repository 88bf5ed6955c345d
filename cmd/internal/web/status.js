// Says which files of the table are damaged, as long as there are some.
const notice = document.getElementById('damage')
const every = 60_000
let timer

async function look(onRows) {
  const answer = await fetch('/-/table/status').catch(() => null)
  if (answer?.status === 401) { // the state at the top says so
    clearInterval(timer)
    timer = undefined
    return
  }
  const status = answer?.ok ? await answer.json() : {}
  onRows(status.rows ?? 0)
  if (!answer?.ok) return
  const text = (status.damaged ?? []).map(d => `${d.name} (${d.rows} rows from ${d.first} to ${d.last})`).join(', ')
  notice.hidden = !text
  // Written only when it changes: every write is read aloud.
  const words = text && `Answers lack the rows of damaged files: ${text}. Run “beacon table check” to see what can be rebuilt.`
  if (notice.textContent !== words) notice.textContent = words
}

// watchTable looks now and once a minute, while the page is logged in. It calls onRows with the number of rows, or 0 if
// the table does not answer.
export function watchTable(onRows) {
  if (timer) return
  timer = setInterval(look, every, onRows)
  look(onRows)
}
