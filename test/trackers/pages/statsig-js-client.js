import { StatsigClient } from '@statsig/js-client'

const statsig = new StatsigClient('client-key', { userID: 'somebody' }, { networkConfig: { api: collector + '/v1' } })
statsig.initializeAsync()
used = () => {
  statsig.logEvent('signup', 1, { plan: 'pro' })
  statsig.flush()
}
