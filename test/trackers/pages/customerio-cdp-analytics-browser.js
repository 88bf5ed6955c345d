import { AnalyticsBrowser } from '@customerio/cdp-analytics-browser'

const { host, protocol } = new URL(collector)
const analytics = AnalyticsBrowser.load({
  writeKey: 'key',
  cdnSettings: { integrations: { 'Customer.io Data Pipelines': { apiKey: 'key', apiHost: host + '/v1', protocol: protocol.slice(0, -1) } } },
})
analytics.page()
used = () => {
  analytics.identify('somebody', { plan: 'pro' })
  analytics.track('signup', { plan: 'pro' })
}
