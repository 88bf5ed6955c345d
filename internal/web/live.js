import { count } from './chart.js'
import './copy.js'
import './damage.js'
import './leave.js'
import { add, settled } from './table.js'
import { follow, needsToken } from './tail.js'

const state = document.getElementById('state')
const refused = document.getElementById('refused')
const words = { live: 'Live', reconnecting: 'Reconnecting…', refused: 'Not connected' }

follow({
  onBeacon: add,
  onCount(c) {
    count(c)
    if (c.total === 0) document.getElementById('snippets').open = true
    setTimeout(settled, 300)
  },
  onState(now) {
    // A screen reader reads every write aloud, so the text is set only when it changes.
    if (state.dataset.state === now) return
    state.dataset.state = now
    state.textContent = words[now]
    refused.hidden = now !== 'refused'
    refused.textContent = now === 'refused' ? needsToken : ''
  },
})
