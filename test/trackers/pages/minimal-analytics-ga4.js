import { track } from '@minimal-analytics/ga4'

window.minimalAnalytics = { analyticsEndpoint: collector + '/g/collect' }
track('G-1234567890')
used = () => track('G-1234567890', { type: 'signup', event: { 'epn.plan': 'pro' } })
