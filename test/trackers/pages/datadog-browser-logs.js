import { datadogLogs } from '@datadog/browser-logs'

datadogLogs.init({ clientToken: 'token', service: 'shop', proxy: collector + '/logs', forwardErrorsToLogs: true })
used = () => datadogLogs.logger.info('signup', { plan: 'pro' })
