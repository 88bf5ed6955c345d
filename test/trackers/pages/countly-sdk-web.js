import Countly from 'countly-sdk-web'

Countly.init({ app_key: 'key', url: collector })
Countly.track_sessions()
Countly.track_pageview()
Countly.track_errors()
used = () => Countly.add_event({ key: 'signup', count: 1, segmentation: { plan: 'pro' } })
