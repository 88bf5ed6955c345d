import clevertap from 'clevertap-web-sdk'

clevertap.init('TEST-000', '', new URL(collector).host, '', { customId: 'somebody' })
clevertap.event.push('page viewed')
used = () => clevertap.event.push('signup', { plan: 'pro' })
