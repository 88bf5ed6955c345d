import rg4js from 'raygun4js'

rg4js('options', { apiEndpoint: collector })
rg4js('apiKey', 'key')
rg4js('enableCrashReporting', true)
rg4js('enablePulse', true)
used = () => { throw new Error('the page broke') }
