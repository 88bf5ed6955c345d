import { usermavenClient } from '@usermaven/sdk-js'

const usermaven = usermavenClient({ key: 'key', trackingHost: collector, autoPageview: true, autocapture: true })
used = () => {
  usermaven.id({ id: 'somebody', email: 'somebody@shop.example' })
  usermaven.track('signup', { plan: 'pro' })
}
