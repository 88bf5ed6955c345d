import mParticle from '@mparticle/web-sdk'

const { host } = new URL(collector)
mParticle.init('key', {
  // Without it the settings are those of the call.
  requestConfig: false,
  forceHttps: false,
  v1SecureServiceUrl: host + '/webevents/v1/JS/',
  v2SecureServiceUrl: host + '/webevents/v2/JS/',
  v3SecureServiceUrl: host + '/webevents/v3/JS/',
  identityUrl: host + '/identity/v1/',
  aliasUrl: host + '/webevents/v1/identity/',
})
used = () => mParticle.logEvent('signup', mParticle.EventType.Navigation, { plan: 'pro' })
