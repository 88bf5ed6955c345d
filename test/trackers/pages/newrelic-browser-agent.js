import { BrowserAgent } from '@newrelic/browser-agent/loaders/browser-agent'

const { host } = new URL(collector)
const agent = new BrowserAgent({
  init: {
    ssl: false,
    harvest: { interval: 1 },
    // It keeps errors for as long as the visit of the page that it has found goes on.
    soft_navigations: { enabled: false },
  },
  info: { beacon: host, errorBeacon: host, licenseKey: 'key', applicationID: '1', sa: 1 },
  loader_config: { accountID: '1', trustKey: '1', agentID: '1', licenseKey: 'key', applicationID: '1' },
})
used = () => {
  agent.addPageAction('signup', { plan: 'pro' })
  throw new Error('the page broke')
}
