import Plausible from 'plausible-tracker'

const { trackEvent, trackPageview } = Plausible({ domain: 'shop.example', apiHost: collector, trackLocalhost: true })
trackPageview()
used = () => trackEvent('signup', { props: { plan: 'pro' } })
