import posthog from 'posthog-js'

posthog.init('phc_test', { api_host: collector })
used = () => posthog.capture('signup', { plan: 'pro' })
