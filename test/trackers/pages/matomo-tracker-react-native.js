import MatomoTracker from 'matomo-tracker-react-native/src/MatomoTracker.js'

const tracker = new MatomoTracker({ urlBase: collector, siteId: 1 })
tracker.trackScreenView({ name: 'the page', url: location.href })
used = () => tracker.trackEvent({ category: 'form', action: 'submit', name: 'signup', url: location.href })
