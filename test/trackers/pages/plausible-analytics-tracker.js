import { init, track } from '@plausible-analytics/tracker'

init({ domain: 'shop.example', endpoint: collector + '/api/event', captureOnLocalhost: true })
used = () => track('signup', { props: { plan: 'pro' } })
