import { ApplicationInsights } from '@microsoft/applicationinsights-web'

const insights = new ApplicationInsights({ config: {
  connectionString: 'InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=' + collector + '/',
} })
insights.loadAppInsights()
insights.trackPageView()
used = () => {
  insights.trackEvent({ name: 'signup' }, { plan: 'pro' })
  insights.flush()
}
left = () => insights.trackEvent({ name: 'left' })
