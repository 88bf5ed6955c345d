package row

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func isProtobuf(essence string) bool {
	return essence == "application/x-protobuf" || essence == "application/protobuf" || essence == "application/vnd.google.protobuf"
}

// otlpSignal returns the signal of a stream, by the paths of OTLP/HTTP, which may have a prefix: traces, metrics, logs
// or "". The protobuf does not say it.
func otlpSignal(stream string) string {
	for _, signal := range []string{"traces", "metrics", "logs"} {
		if strings.HasSuffix(strings.TrimSuffix(stream, "/"), "/v1/"+signal) {
			return signal
		}
	}
	return ""
}

// maxOTLP bounds what is decoded, in bytes: a message of two bytes can take four hundred in memory.
const maxOTLP = 512 << 10

// decodeOTLP returns OTLP's JSON of its protobuf. An export request has the same encoding as the data that it carries.
func decodeOTLP(signal string, body []byte) (json.RawMessage, error) {
	if len(body) > maxOTLP {
		return nil, fmt.Errorf("the protobuf has more than %d bytes and is not decoded", maxOTLP)
	}
	var message proto.Message
	switch signal {
	case "traces":
		message = &trace.TracesData{}
	case "metrics":
		message = &metrics.MetricsData{}
	default:
		message = &logs.LogsData{}
	}
	if err := proto.Unmarshal(body, message); err != nil {
		return nil, fmt.Errorf("the protobuf of %s is broken: %w", signal, err)
	}
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("the %s can't be written in JSON: %w", signal, err)
	}
	var compact bytes.Buffer // protojson adds spaces at random
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	data, note := decodeJSON(base64ID.ReplaceAllFunc(compact.Bytes(), hexID))
	if unknown := len(message.ProtoReflect().GetUnknown()); unknown > 0 {
		note = joined(note, fmt.Errorf("%d bytes of the protobuf have fields that are not those of %s", unknown, signal))
	}
	return data, note
}

// base64ID matches an id as protojson writes it. OTLP has ids in hexadecimal digits (OTLP, "JSON Protobuf Encoding").
// In a string value the quotes have a backslash before them, so that it does not match there.
var base64ID = regexp.MustCompile(`"(?:traceId|spanId|parentSpanId)":"([A-Za-z0-9+/=]*)"`)

func hexID(member []byte) []byte {
	name, value, _ := bytes.Cut(member, []byte(":"))
	id, err := base64.StdEncoding.DecodeString(strings.Trim(string(value), `"`))
	if err != nil {
		return member
	}
	return fmt.Appendf(nil, `%s:"%s"`, name, hex.EncodeToString(id))
}
