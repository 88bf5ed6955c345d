// Chooses which parts of the page are there. The collector has no beacons if none has come since it started, none is
// listed, and its table has no rows.
const start = document.getElementById('start')
const state = { out: false, filter: '', total: undefined, listed: 0, rows: undefined }
let some = false // beacons; this does not become false again, as a filter may match none

// know takes what is new of the state.
export function know(news) {
  Object.assign(state, news)
  const had = start.contains(document.activeElement)
  document.body.dataset.view = view()
  if (had && document.body.dataset.view === 'live') document.getElementById('newest-title').focus()
}

function view() {
  const { out, filter, total, listed, rows } = state
  if (out) return 'out'
  some ||= Boolean(total || listed || rows)
  if (filter || some) return 'live'
  return total === undefined || rows === undefined ? 'wait' : 'first'
}
