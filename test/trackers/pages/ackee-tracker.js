import * as ackee from 'ackee-tracker'

const tracker = ackee.create(collector, { ignoreLocalhost: false })
tracker.record('hd11f820-68a1-11e6-8047-79c0c2d9bce0')
used = () => tracker.action('513a082c-2cd5-4939-b417-72da2fe1761d', { key: 'signup', value: 1 })
