import { jitsuAnalytics } from '@jitsu/js'

const jitsu = jitsuAnalytics({ host: collector, writeKey: 'key:secret' })
jitsu.page()
used = () => {
  jitsu.identify('somebody', { plan: 'pro' })
  jitsu.track('signup', { plan: 'pro' })
}
