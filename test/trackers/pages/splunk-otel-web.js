import { SplunkRum } from '@splunk/otel-web'

SplunkRum.init({ beaconEndpoint: collector + '/v1/rum', allowInsecureBeacon: true, rumAccessToken: 'token', applicationName: 'shop' })
used = () => { throw new Error('the page broke') }
