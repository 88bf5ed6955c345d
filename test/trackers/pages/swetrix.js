import * as Swetrix from 'swetrix'

Swetrix.init('project', { apiURL: collector + '/log', devMode: true })
Swetrix.trackViews()
Swetrix.trackErrors()
used = () => {
  Swetrix.track({ ev: 'signup', meta: { plan: 'pro' } })
  throw new Error('the page broke')
}
