import * as Sentry from '@sentry/browser'

const dsn = new URL(collector + '/1')
dsn.username = 'key'
Sentry.init({
  dsn: dsn.href,
  integrations: [Sentry.browserTracingIntegration()],
  tracesSampleRate: 1,
})
used = () => { throw new Error('the page broke') }
