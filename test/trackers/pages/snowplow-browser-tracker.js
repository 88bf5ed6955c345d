import { newTracker, trackPageView, trackStructEvent } from '@snowplow/browser-tracker'

newTracker('sp', collector, { appId: 'shop', keepalive: true })
trackPageView()
used = () => trackStructEvent({ category: 'form', action: 'signup', label: 'plan', property: 'pro' })
left = () => trackStructEvent({ category: 'page', action: 'left' })
