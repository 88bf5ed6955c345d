import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'

const analytics = new RudderAnalytics()
analytics.load('key', collector, { getSourceConfig: () => ({ source: { id: 'source', config: {}, destinations: [] } }) })
analytics.page()
used = () => {
  analytics.identify('somebody', { plan: 'pro' })
  analytics.track('signup', { plan: 'pro' })
}
