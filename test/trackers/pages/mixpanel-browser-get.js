import mixpanel from 'mixpanel-browser'

mixpanel.init('token', { api_host: collector, api_method: 'GET', batch_requests: false, track_pageview: true })
used = () => mixpanel.track('signup', { plan: 'pro' })
