package sdk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/seed-d051cf5a/beacon"
)

// TestOTLP_BatchOf512SpansUncompressed_IsQueued uses the batcher's largest batch and spans with the attributes of
// an HTTP server.
func TestOTLP_BatchOf512SpansUncompressed_IsQueued(t *testing.T) {
	t.Parallel()
	const spans = sdktrace.DefaultMaxExportBatchSize
	var r recorder
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { r.add(q) }))
	defer s.Close()
	sender, err := beacon.Open(beacon.Config{Dir: filepath.Join(newDir(t), "outbox")})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	exporter, err := otlptracehttp.New(t.Context(),
		otlptracehttp.WithEndpointURL(s.URL+"/v1/traces"),
		otlptracehttp.WithCompression(otlptracehttp.NoCompression),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: &beacon.Transport{Sender: sender}}),
	)
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Hour)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "shop"), attribute.String("service.version", "1.2.3"),
		)),
	)
	tracer := provider.Tracer("example")
	for i := range spans {
		_, span := tracer.Start(t.Context(), "GET /orders/{id}", trace.WithSpanKind(trace.SpanKindServer))
		span.SetAttributes(
			attribute.String("http.request.method", "GET"),
			attribute.String("http.route", "/orders/{id}"),
			attribute.String("url.path", fmt.Sprintf("/orders/%d", i)),
			attribute.String("url.scheme", "https"),
			attribute.String("server.address", "shop.example"),
			attribute.Int("server.port", 443),
			attribute.String("client.address", "203.0.113.7"),
			attribute.String("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
			attribute.String("network.protocol.version", "2"),
			attribute.Int("http.response.status_code", 200),
		)
		span.End()
	}
	// A full batch is exported before Shutdown, or by it.
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := sender.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	requests := r.to("/v1/traces")
	if len(requests) != 1 {
		t.Fatalf("got %d requests, want 1", len(requests))
	}
	got := requests[0]
	if got.header.Get("Idempotency-Key") == "" || got.header.Get("Content-Encoding") != "" {
		t.Errorf("got the header %v, want that of a delivery from the outbox, uncompressed", got.header)
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(got.body, &request); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			n += len(scope.Spans)
		}
	}
	if n != spans {
		t.Errorf("got %d spans, want %d", n, spans)
	}
	t.Logf("a batch of %d spans has %d bytes, %d a span; the limit is %d", n, len(got.body), len(got.body)/n, 1<<20)
}
