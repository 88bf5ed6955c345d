import { count } from './chart.js'
import './copy.js'
import { watchDamage } from './damage.js'
import './leave.js'
import './logout.js'
import { notice } from './notice.js'
import { add, settled } from './table.js'
import { follow } from './tail.js'

const state = document.getElementById('state')
const refused = document.getElementById('refused')
const words = { live: 'Live', reconnecting: 'Reconnecting…', 'logged-out': 'Not logged in', refused: 'Not connected' }

follow({
  onBeacon: add,
  onCount(c) {
    count(c)
    if (c.total === 0) document.getElementById('snippets').open = true
    setTimeout(settled, 300)
  },
  onNotice: notice,
  onState(now, why = '') {
    // A screen reader reads every write aloud, so the text is set only when it changes.
    if (state.dataset.state === now) return
    state.dataset.state = now
    state.textContent = words[now]
    const out = now === 'logged-out' || now === 'refused'
    document.body.classList.toggle('out', out)
    document.getElementById('logout').hidden = out
    document.getElementById('logged-out').hidden = now !== 'logged-out'
    refused.hidden = now !== 'refused'
    refused.textContent = why
    if (now === 'live') watchDamage()
  },
})
