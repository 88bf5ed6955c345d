import Bugsnag from '@bugsnag/browser'

Bugsnag.start({
  apiKey: '0123456789abcdef0123456789abcdef',
  appVersion: '1.0.0',
  endpoints: { notify: collector + '/notify', sessions: collector + '/sessions' },
})
used = () => { throw new Error('the page broke') }
