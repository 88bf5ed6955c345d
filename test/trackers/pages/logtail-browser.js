import { Logtail } from '@logtail/browser'

const logtail = new Logtail('token', { endpoint: collector + '/logs' })
used = () => logtail.info('signup', { plan: 'pro' })
