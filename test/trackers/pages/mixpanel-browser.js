import mixpanel from 'mixpanel-browser'

mixpanel.init('token', { api_host: collector, track_pageview: true, autocapture: true })
used = () => {
  mixpanel.identify('somebody')
  mixpanel.people.set({ plan: 'pro' })
  mixpanel.track('signup', { plan: 'pro' })
}
left = () => mixpanel.track('left', {}, { transport: 'sendBeacon' })
