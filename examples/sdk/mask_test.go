package sdk_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"regexp"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

const rfc3339 = `"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)"`

// The members of JSON objects that differ in each run.
var (
	ofBatch    = regexp.MustCompile(`"(uuid":"[0-9a-f-]{36}"|timestamp":` + rfc3339 + `)`)
	ofEnvelope = regexp.MustCompile(`"((event_id|trace_id|span_id)":"[0-9a-f]{16,32}"|(sent_at|timestamp)":` + rfc3339 +
		`|(go_numroutines|length)":\d+)`)
)

// maskBatch masks a batch of PostHog.
func maskBatch(_ *testing.T, body []byte) []byte {
	return ofBatch.ReplaceAllFunc(body, nameOnly)
}

// maskEnvelope masks an envelope of Sentry. The length of an item changes with the digits of its times.
func maskEnvelope(_ *testing.T, body []byte) []byte {
	return ofEnvelope.ReplaceAllFunc(body, nameOnly)
}

// nameOnly returns the part of a member of a JSON object before its colon.
func nameOnly(member []byte) []byte {
	name, _, _ := bytes.Cut(member, []byte(":"))
	return name
}

// maskSpans masks a compressed request of OTLP: it returns the header of gzip and the decompressed bytes, in which
// ids and times are zero. They have a fixed length.
func maskSpans(t *testing.T, body []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the body is not compressed: %v", err)
	}
	spans, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	w := gzip.NewWriter(&again) // as the exporter has it
	w.Write(spans)
	w.Close()
	if !bytes.Equal(body, again.Bytes()) {
		t.Errorf("got %d compressed bytes, want the %d of the exporter's gzip", len(body), again.Len())
	}
	var request collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(spans, &request); err != nil {
		t.Fatal(err)
	}
	zero := func(value []byte) { spans = bytes.ReplaceAll(spans, value, make([]byte, len(value))) }
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				zero(span.TraceId)
				zero(span.SpanId)
				zero(binary.LittleEndian.AppendUint64(nil, span.StartTimeUnixNano))
				zero(binary.LittleEndian.AppendUint64(nil, span.EndTimeUnixNano))
			}
		}
	}
	return append(body[:10:10], spans...)
}
