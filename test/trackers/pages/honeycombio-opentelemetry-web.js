import { HoneycombWebSDK } from '@honeycombio/opentelemetry-web'
import { trace } from '@opentelemetry/api'

new HoneycombWebSDK({ endpoint: collector, apiKey: 'key', serviceName: 'shop' }).start()
used = () => {
  trace.getTracer('shop').startSpan('signup', { attributes: { plan: 'pro' } }).end()
  throw new Error('the page broke')
}
