// Command otlp exports a span to an OpenTelemetry collector, compressed, and exits at once.
//
//	OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces go run ./otlp
//
// The exporter gets the answer 202, not the collector's. So a partial success, in which the collector rejects some
// of the spans, is not reported. The deliverer also retries an answer such as 500, which the exporter would not.
package main

import (
	"cmp"
	"context"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start() // without an outbox the exporter sends directly, so the error can be ignored
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), "http://127.0.0.1:8080/v1/traces")),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		// With a client of its own the exporter ignores WithTimeout, WithProxy and WithTLSClientConfig.
		otlptracehttp.WithHTTPClient(&http.Client{Transport: &beacon.Transport{}}),
	)
	if err != nil {
		log.Fatal(err)
	}
	// With WithSyncer, End returns when the span is in the outbox. WithBatcher sends fewer requests, but it keeps
	// spans in memory for up to 5 s, and an exit without provider.Shutdown loses them. Its batch of at most 512
	// spans fits in a beacon if they have 2 KiB each; a larger one is sent directly.
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter))
	otel.SetTracerProvider(provider)

	_, span := otel.Tracer("example").Start(ctx, "job")
	span.End()
}
