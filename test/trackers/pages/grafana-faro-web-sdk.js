import { getWebInstrumentations, initializeFaro } from '@grafana/faro-web-sdk'

const faro = initializeFaro({
  url: collector + '/collect',
  apiKey: 'key',
  app: { name: 'shop', version: '1.0.0' },
  instrumentations: getWebInstrumentations(),
})
used = () => {
  faro.api.pushEvent('signup', { plan: 'pro' })
  throw new Error('the page broke')
}
