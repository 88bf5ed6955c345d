import { datadogRum } from '@datadog/browser-rum'

datadogRum.init({
  applicationId: '00000000-0000-4000-8000-000000000000',
  clientToken: 'token',
  service: 'shop',
  proxy: collector + '/rum',
  sessionSampleRate: 100,
  sessionReplaySampleRate: 0,
})
used = () => datadogRum.addAction('signup', { plan: 'pro' })
