import * as Counterscale from '@counterscale/tracker'

Counterscale.init({ siteId: 'shop', reporterUrl: collector + '/collect', reportOnLocalhost: true })
used = () => Counterscale.trackPageview({ url: '/signup' })
