import { init } from '@elastic/apm-rum'

init({ serviceName: 'shop', serverUrl: collector })
used = () => { throw new Error('the page broke') }
