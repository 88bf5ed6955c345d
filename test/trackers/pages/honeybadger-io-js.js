import Honeybadger from '@honeybadger-io/js'

Honeybadger.configure({ apiKey: 'key', endpoint: collector, environment: 'production', insights: { enabled: true } })
used = () => {
  Honeybadger.event('signup', { plan: 'pro' })
  throw new Error('the page broke')
}
