import { Notifier } from '@airbrake/browser'

const airbrake = new Notifier({ projectId: 1, projectKey: 'key', host: collector, remoteConfig: false, environment: 'test' })
used = () => airbrake.notify(new Error('the page broke'))
