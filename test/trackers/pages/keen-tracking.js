import Keen from 'keen-tracking'

const { host, protocol } = new URL(collector)
const keen = new Keen({ projectId: 'project', writeKey: 'key', host, protocol: protocol.slice(0, -1) })
keen.recordEvent('pageviews', { title: document.title })
used = () => keen.recordEvent('signups', { plan: 'pro' })
