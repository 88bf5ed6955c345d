import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web'

const provider = new WebTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: collector + '/v1/traces' }))],
})
provider.register()
const tracer = provider.getTracer('shop')
used = () => tracer.startSpan('signup', { attributes: { plan: 'pro' } }).end()
left = () => tracer.startSpan('left').end()
