import './copy.js'
import './logout.js'
import { prepare } from './tip.js'

const board = document.getElementById('board')
const gone = document.getElementById('gone')
const refreshEvery = 60_000
let seen = Date.now()
let turn = 0 // of requests for a newer board: an answer counts only if no later one was asked for
let here = location.pathname + location.search

// Panels that show the time before come once more with it, at the end of the page.
function complete(page) {
  for (const later of page.querySelectorAll('template.later')) {
    const panel = later.content.firstElementChild
    page.querySelector('#' + CSS.escape(panel.id))?.replaceWith(panel)
    later.remove()
  }
  prepare(page)
}
complete(board)

// The focus is kept over the load of another page, for the site, the days and the tabs.
const focusKey = 'beacon-focus'
const focus = selector => board.querySelector(selector)?.focus({ preventScroll: true })
const wanted = sessionStorage.getItem(focusKey)
sessionStorage.removeItem(focusKey)
if (wanted) focus(wanted)

// A site is chosen by a click, or by Enter or the button. With arrow keys some browsers change the list at each key.
let byKey = false
board.addEventListener('pointerdown', () => { byKey = false })
board.addEventListener('keydown', e => {
  if (e.target.id !== 'site') return
  byKey = e.key !== 'Enter'
  if (!byKey && !e.target.selectedOptions[0].defaultSelected) e.target.form.requestSubmit()
})
board.addEventListener('change', e => { if (e.target.id === 'site' && !byKey) e.target.form.requestSubmit() })
board.addEventListener('submit', e => { if (e.target.querySelector('#site')) sessionStorage.setItem(focusKey, '#site') })

board.addEventListener('click', e => {
  const link = e.target.closest('nav a')
  if (!link || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return
  const frame = link.closest('.panel')
  const selector = (frame ? '#' + CSS.escape(frame.id) : '.filters') + ' nav [aria-current]'
  if (!frame) {
    sessionStorage.setItem(focusKey, selector)
    return
  }
  e.preventDefault()
  showTab(link.href, selector)
})

// Shows another tab without the load of a page.
async function showTab(url, selector) {
  board.setAttribute('aria-busy', true)
  const mine = ++turn
  const { newer } = await read(url)
  if (mine !== turn) return
  board.removeAttribute('aria-busy')
  if (!newer) {
    sessionStorage.setItem(focusKey, selector)
    location.href = url
    return
  }
  if (url !== location.href) history.pushState(null, '', url)
  here = location.pathname + location.search
  replace(newer)
  focus(selector)
}
addEventListener('popstate', async () => {
  if (here === location.pathname + location.search) return
  const mine = ++turn
  const { newer } = await read(location.href)
  if (mine !== turn) return
  if (!newer) {
    location.reload()
    return
  }
  here = location.pathname + location.search
  replace(newer)
})

// Returns the board of a page, or nothing if the page did not come whole.
async function read(url) {
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(120_000) }).catch(() => null)
  if (answer?.type === 'opaqueredirect') return { loggedOut: true }
  const text = answer?.ok ? await answer.text().catch(() => '') : ''
  if (!text.trimEnd().endsWith('</html>')) return {}
  seen = Date.now()
  return { newer: new DOMParser().parseFromString(text, 'text/html').getElementById('board') }
}

const stops = 'a, summary, [tabindex]'

// Replaces the board. The focus goes to the element in the same place of the same panel. Details that are open stay open.
function replace(newer) {
  complete(newer)
  const unfolded = [...board.querySelectorAll('details')].map(d => d.open)
  newer.querySelectorAll('details').forEach((d, i) => { d.open = unfolded[i] ?? d.open })
  const focused = document.activeElement
  const panel = board.contains(focused) ? focused.closest('.panel, .filters') : null
  const at = panel ? [...panel.querySelectorAll(stops)].indexOf(focused) : -1
  board.replaceChildren(...newer.childNodes)
  if (at < 0) return
  const same = panel.id ? document.getElementById(panel.id) : board.querySelector('.filters')
  same?.querySelectorAll(stops)[at]?.focus({ preventScroll: true })
}

// Replaces the board by a newer one, unless a form has the focus.
async function refresh() {
  if (document.hidden || Date.now() - seen < refreshEvery || document.activeElement.closest('#board form')) return
  seen = Date.now()
  const mine = ++turn
  const { newer, loggedOut } = await read(location.href)
  if (mine !== turn) return
  if (loggedOut) {
    location.reload()
    return
  }
  board.classList.toggle('old', !newer)
  if (newer) replace(newer)
  else if (gone.hidden) gone.textContent = `The collector does not answer since ${new Date().toLocaleTimeString([], { timeStyle: 'short' })}. The figures are from before.`
  gone.hidden = Boolean(newer)
}
setInterval(refresh, 5000)
document.addEventListener('visibilitychange', refresh)
