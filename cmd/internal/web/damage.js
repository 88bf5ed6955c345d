// Says which files of the table are damaged, as long as there are some.
const notice = document.getElementById('damage')
const every = 60_000
let timer

async function look() {
  const answer = await fetch('/-/table/status').catch(() => null)
  if (answer?.status === 401) { // the state at the top says so
    clearInterval(timer)
    timer = undefined
    return
  }
  if (!answer?.ok) return
  const damaged = (await answer.json()).damaged ?? []
  const text = damaged.map(d => `${d.name} (${d.rows} rows from ${d.first} to ${d.last})`).join(', ')
  notice.hidden = damaged.length === 0
  // Written only when it changes: every write is read aloud.
  const words = text && `Answers lack the rows of damaged files: ${text}. Run “beacon table check” to see what can be rebuilt.`
  if (notice.textContent !== words) notice.textContent = words
}

// watchDamage looks now and once a minute, while the page is logged in.
export function watchDamage() {
  if (timer) return
  timer = setInterval(look, every)
  look()
}
