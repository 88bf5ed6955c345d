import Tracker from '@openreplay/tracker'

const tracker = new Tracker({ projectKey: 'key', ingestPoint: collector, __DISABLE_SECURE_MODE: true })
tracker.start()
used = () => tracker.event('signup', { plan: 'pro' })
