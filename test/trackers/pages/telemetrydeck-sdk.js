import TelemetryDeck from '@telemetrydeck/sdk'

const deck = new TelemetryDeck({ appID: 'app', clientUser: 'somebody', target: collector + '/v2/' })
deck.signal('pageview')
used = () => deck.signal('signup', { plan: 'pro' })
