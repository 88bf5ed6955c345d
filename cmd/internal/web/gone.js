import { freeze } from './chart.js'

// Says since when the collector does not answer. A short break, as of a proxy that ends streams, is not worth a notice.
const notice = document.getElementById('gone')
const short = 5_000
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short', hourCycle: 'h23' })
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' })
let timer

// gone is called with the time of the last answer.
export function gone(since) {
  freeze(true)
  timer ??= setTimeout(() => {
    const today = since.toDateString() === new Date().toDateString()
    notice.textContent = `The collector has not answered since ${(today ? clock : dayAndClock).format(since)}. ` +
      'The figures are from then. This page goes on trying.'
    notice.hidden = false
    document.body.classList.add('stale')
  }, short)
}

export function back() {
  clearTimeout(timer)
  timer = undefined
  freeze(false)
  notice.hidden = true
  document.body.classList.remove('stale')
}
