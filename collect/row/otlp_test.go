package row

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

func attribute(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func TestOf_OTLPProtobuf_IsOTLPsJSON(t *testing.T) {
	const tricky = `"traceId":"AAAA"` // looks like an id, in a string
	for _, x := range []struct {
		target  string
		message proto.Message
		want    string
	}{
		{"/v1/traces", &trace.TracesData{ResourceSpans: []*trace.ResourceSpans{{
			Resource: &resource.Resource{Attributes: []*common.KeyValue{attribute("service.name", tricky)}},
			ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{{
				TraceId: []byte("\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c"), SpanId: []byte("\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74"), ParentSpanId: []byte("\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73"),
				Name: "GET /", Kind: trace.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1544712660000000000,
			}}}},
		}}}, `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"\"traceId\":\"AAAA\""}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"GET /","kind":2,"startTimeUnixNano":"1544712660000000000"}]}]}]}`},
		{"/otlp/v1/logs/", &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: []*logs.LogRecord{{
			SeverityNumber: logs.SeverityNumber_SEVERITY_NUMBER_ERROR, Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "broke"}}, TraceId: []byte{1, 2},
		}}}}}}}, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":17,"body":{"stringValue":"broke"},"traceId":"0102"}]}]}]}`},
		{"/v1/metrics", &metrics.MetricsData{ResourceMetrics: []*metrics.ResourceMetrics{{ScopeMetrics: []*metrics.ScopeMetrics{{Metrics: []*metrics.Metric{{Name: "requests"}}}}}}},
			`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"requests"}]}]}]}`},
	} {
		body, err := proto.Marshal(x.message)
		if err != nil {
			t.Fatal(err)
		}
		r := record("application/x-protobuf", string(body))
		r.Request.Target = x.target
		for _, encoding := range []string{"", "gzip"} {
			if encoding == "gzip" {
				r.Request.Body = []byte(gzipped(string(body)))
			}
			if row := Of(r); row.Kind != OTLP || string(row.Data) != x.want || row.Error != "" {
				t.Errorf("%s %s:\ngot  %s, %s, error %q\nwant %s", x.target, encoding, row.Kind, row.Data, row.Error, x.want)
			}
		}
	}
}

func TestOf_OTLPThatCanNotBeDecoded_SaysWhy(t *testing.T) {
	for body, want := range map[string]string{
		"\x0a\xff":                      "the protobuf of traces is broken",
		string(make([]byte, maxOTLP+1)): "the protobuf has more than 524288 bytes and is not decoded",
	} {
		r := record("application/x-protobuf", body)
		r.Request.Target = "/v1/traces"
		if row := Of(r); row.Kind != OTLP || row.Data != nil || !strings.HasPrefix(row.Error, want) {
			t.Errorf("got %s, %s, error %q, want %q", row.Kind, row.Data, row.Error, want)
		}
	}
	if row := Of(record("application/x-protobuf", "\x0a\x00")); row.Kind != Binary || !strings.Contains(row.Error, "not decoded") {
		t.Errorf("protobuf of another stream: got %s, error %q", row.Kind, row.Error)
	}
}
