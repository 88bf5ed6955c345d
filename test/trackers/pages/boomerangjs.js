import 'boomerangjs/boomerang.js'
import 'boomerangjs/plugins/rt.js'
import 'boomerangjs/plugins/painttiming.js'
import 'boomerangjs/plugins/navtiming.js'
import 'boomerangjs/plugins/restiming.js'
import 'boomerangjs/plugins/mobile.js'
import 'boomerangjs/plugins/memory.js'
import 'boomerangjs/plugins/errors.js'

BOOMR.init({
  beacon_url: collector + '/beacon',
  Errors: { enabled: true, sendAfterOnload: true, sendInterval: 0 },
})
used = () => { throw new Error('the page broke') }
