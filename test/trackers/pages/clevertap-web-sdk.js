import clevertap from 'clevertap-web-sdk'

clevertap.init('TEST-000', '', new URL(collector).host)
used = () => clevertap.event.push('signup', { plan: 'pro' })
