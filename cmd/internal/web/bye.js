import './origin.js'
import { bytes, clock, element, fields, pretty } from './row.js'
import { follow } from './tail.js'

const visit = new URLSearchParams(location.search).get('visit')
const verdict = document.getElementById('verdict')
const proof = document.getElementById('proof')
const missing = document.getElementById('missing')
let found = false, out = false

if (visit) {
  follow({ stream: '/leave', onBeacon: look, onState })
  setTimeout(giveUp, 5000)
} else {
  verdict.textContent = 'This page was not opened from the live page, so there is no beacon to look for.'
}

function onState(now, why = '') {
  out = now === 'logged-out' || now === 'refused'
  if (out && !found) verdict.textContent = why || 'Only operators can see whether it arrived. The live page has the login.'
}

function look(b) {
  if (found || b.stream !== '/leave' || b.data?.visit !== visit) return
  found = true
  missing.hidden = true
  verdict.textContent = `It arrived: ${bytes(b.size)}, received ${clock.format(new Date(b.received_at))}.`
  proof.append(fields(b, ['received_at', 'size', 'content_type', 'stream', 'id']),
    element('pre', { tabindex: 0 }, pretty(b.data)))
  proof.hidden = false
}

function giveUp() {
  if (found || out) return
  verdict.textContent = 'It has not arrived within 5 seconds. This page goes on looking.'
  missing.hidden = false
}
