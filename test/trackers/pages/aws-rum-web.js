import { AwsRum } from 'aws-rum-web'

const rum = new AwsRum('00000000-0000-4000-8000-000000000000', '1.0.0', 'us-west-2', {
  endpoint: collector,
  sessionSampleRate: 1,
  telemetries: ['errors', 'performance', 'http'],
  allowCookies: false,
  signing: false,
  dispatchInterval: 500,
})
used = () => rum.recordEvent('signup', { plan: 'pro' })
