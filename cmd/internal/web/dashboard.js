import './copy.js'
import './logout.js'

const board = document.getElementById('board')
const gone = document.getElementById('gone')
const refreshEvery = 60_000
let seen = Date.now()

// On the board, because its children are replaced.
board.addEventListener('change', e => {
  if (e.target.id !== 'site') return
  const url = new URL(location.href)
  url.searchParams.set('site', e.target.value)
  url.searchParams.delete('panel')
  location.href = url
})

// Panels that show the time before come once more with it, at the end of the page.
function complete(page) {
  for (const later of page.querySelectorAll('template.later')) {
    const panel = later.content.firstElementChild
    page.querySelector('#' + CSS.escape(panel.id))?.replaceWith(panel)
    later.remove()
  }
}
complete(board)

// Replaces the board by that of a newer page, unless an element in it has the focus.
async function refresh() {
  if (document.hidden || Date.now() - seen < refreshEvery || board.contains(document.activeElement)) return
  seen = Date.now()
  const answer = await fetch(location.href, { redirect: 'manual', signal: AbortSignal.timeout(120_000) }).catch(() => null)
  if (answer?.type === 'opaqueredirect') {
    location.reload()
    return
  }
  const text = answer?.ok ? await answer.text().catch(() => '') : ''
  const newer = new DOMParser().parseFromString(text, 'text/html').getElementById('board')
  const lost = !newer || !text.trimEnd().endsWith('</html>')
  board.classList.toggle('old', lost)
  if (lost) {
    if (gone.hidden) gone.textContent = `The collector does not answer since ${new Date().toLocaleTimeString([], { timeStyle: 'short' })}. The figures are from before.`
  } else {
    complete(newer)
    board.replaceChildren(...newer.childNodes)
  }
  gone.hidden = !lost
}
setInterval(refresh, 5000)
document.addEventListener('visibilitychange', refresh)
