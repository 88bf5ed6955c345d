import * as braze from '@braze/web-sdk'

braze.initialize('key', { baseUrl: collector })
braze.openSession()
used = () => {
  braze.logCustomEvent('signup', { plan: 'pro' })
  braze.requestImmediateDataFlush()
}
