import Rollbar from 'rollbar'

new Rollbar({ accessToken: 'token', endpoint: collector + '/api/1/item/', captureUncaught: true, payload: { environment: 'test' } })
used = () => { throw new Error('the page broke') }
