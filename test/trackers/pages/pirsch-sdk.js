import { PirschWebClient } from 'pirsch-sdk/web'

const pirsch = new PirschWebClient({ baseUrl: collector, identificationCode: '0'.repeat(32) })
pirsch.hit()
used = () => pirsch.event('signup', 0, { plan: 'pro' })
