import { OpenPanel } from '@openpanel/web'

const panel = new OpenPanel({ apiUrl: collector, clientId: 'client', trackScreenViews: true, trackOutgoingLinks: true, trackAttributes: true })
used = () => {
  panel.identify({ profileId: 'somebody', properties: { plan: 'pro' } })
  panel.track('signup', { plan: 'pro' })
}
