import * as amplitude from '@amplitude/analytics-browser'

amplitude.init('key', 'somebody', { serverUrl: collector + '/2/httpapi', autocapture: true, fetchRemoteConfig: false })
used = () => amplitude.track('signup', { plan: 'pro' })
left = () => {
  amplitude.setTransport('beacon')
  amplitude.track('left')
  amplitude.flush()
}
