import 'boomerangjs/boomerang.js'
import 'boomerangjs/plugins/rt.js'
import 'boomerangjs/plugins/navtiming.js'

BOOMR.init({ beacon_url: collector + '/beacon', beacon_type: 'GET' })
