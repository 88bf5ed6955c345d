import os
import sys

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import problems

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=os.environ["COLLECTOR"] + "/v1/traces")))
tracer = provider.get_tracer("programs")
with tracer.start_as_current_span("page view"):
    pass
provider.force_flush()
with tracer.start_as_current_span("signup", attributes={"plan": "pro"}):
    pass
provider.shutdown()
sys.exit(problems.count)
