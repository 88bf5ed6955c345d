import { AnalyticsBrowser } from '@segment/analytics-next'

const { host, protocol } = new URL(collector)
const analytics = AnalyticsBrowser.load({
  writeKey: 'key',
  // Without them it asks a CDN for them, and is silent until it has them.
  cdnSettings: { integrations: { 'Segment.io': { apiKey: 'key', apiHost: host + '/v1', protocol: protocol.slice(0, -1) } } },
})
analytics.page()
used = () => {
  analytics.identify('somebody', { plan: 'pro' })
  analytics.track('signup', { plan: 'pro' })
}
