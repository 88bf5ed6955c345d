import * as chart from './chart.js'
import './copy.js'
import * as filter from './filter.js'
import { back, gone } from './gone.js'
import './leave.js'
import './logout.js'
import { notice } from './notice.js'
import { watchTable } from './status.js'
import * as table from './table.js'
import { follow } from './tail.js'
import * as title from './title.js'
import { know } from './view.js'

const state = document.getElementById('state')
const refused = document.getElementById('refused')
const words = { live: 'Live', reconnecting: 'Reconnecting…', 'logged-out': 'Not logged in', refused: 'Not connected' }
let restart

function onBeacon(b) {
  filter.suggest(b.stream)
  table.add(b)
  know({ listed: table.size() })
}

function onCount(c) {
  chart.count(c)
  filter.count(c)
  title.count(c)
  table.count(c)
  know({ total: c.total })
}

function onState(now, detail) {
  // A screen reader reads every write aloud, so the text is set only when it changes.
  if (state.dataset.state === now) return
  state.dataset.state = now
  state.textContent = words[now]
  const out = now === 'logged-out' || now === 'refused'
  know({ out })
  document.getElementById('logout').hidden = out
  document.getElementById('logged-out').hidden = now !== 'logged-out'
  refused.hidden = now !== 'refused'
  refused.textContent = now === 'refused' ? detail : ''
  if (now === 'reconnecting') gone(detail)
  else back()
  if (now === 'live') watchTable(rows => know({ rows }))
}

filter.follow(stream => {
  table.reset()
  know({ filter: stream, total: undefined, listed: 0 })
  title.reset()
  if (restart) restart(stream)
  else restart = follow({ stream, onBeacon, onCount, onNotice: notice, onState })
})
