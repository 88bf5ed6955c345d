package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// isEnvelope reports whether a body is an envelope of Sentry's: a line with its header, and for each item a line with
// a header that names its type, and its payload. Sentry's scripts label it text/plain.
func isEnvelope(body []byte) bool {
	first, rest, ok := bytes.Cut(body, []byte("\n"))
	if !ok || !bytes.HasPrefix(first, []byte("{")) {
		return false
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	var header map[string]json.RawMessage
	var item itemHeader
	if json.Unmarshal(first, &header) != nil || json.Unmarshal(second, &item) != nil || !slices.Contains(itemTypes, item.Type) {
		return false
	}
	for name := range header { // another one is that of an event in lines of JSON
		if !slices.Contains(envelopeHeaders, name) {
			return false
		}
	}
	return true
}

// envelopeHeaders and itemTypes are those of Sentry's protocol.
var (
	envelopeHeaders = []string{"event_id", "sent_at", "dsn", "sdk", "trace"}
	itemTypes       = []string{
		"event", "transaction", "session", "sessions", "attachment", "user_report", "feedback", "client_report", "check_in", "log", "span", "trace_metric",
		"profile", "profile_chunk", "replay_event", "replay_recording", "replay_video", "statsd", "metric_buckets", "metric_meta", "raw_security", "form_data", "unreal_report", "otel_log",
	}
)

// An itemHeader is what tells where the payload of an item ends.
type itemHeader struct {
	Type   string `json:"type"`
	Length *int   `json:"length"` // in bytes; without it the payload ends at the line's end

	ContentType string `json:"content_type"`
}

// isJSON reports whether a payload should be JSON: its label says so, or it has none and looks like JSON. Lines of JSON
// are the payload of some types.
func (h itemHeader) isJSON(payload []byte) bool {
	if h.ContentType != "" {
		return kindOf(parseMIME(h.ContentType).essence) == JSON
	}
	if !looksLikeJSON(payload) {
		return false
	}
	data, _ := jsonLines(payload)
	return data == nil
}

// decodeEnvelope returns {"header": …, "items": [{"header": …, "payload": …}]}. A payload that is JSON is that JSON,
// other text is a string, and other bytes are null: they stay in the body.
func decodeEnvelope(body []byte) (json.RawMessage, error) {
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	header, note := objectOrArray(line)
	if header == nil {
		return nil, fmt.Errorf("the envelope's header is not JSON")
	}
	notes := []error{note}
	data := append([]byte(`{"header":`), header...)
	data = append(data, `,"items":[`...)
	for n := 1; len(bytes.TrimSpace(rest)) > 0; n++ {
		if n > maxFields {
			return nil, fmt.Errorf("the envelope has more than %d items", maxFields)
		}
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		var item itemHeader
		header, note := objectOrArray(line)
		if header == nil || json.Unmarshal(header, &item) != nil {
			return nil, fmt.Errorf("the header of item %d of the envelope is not JSON", n)
		}
		notes = append(notes, note)
		var payload []byte
		if item.Length != nil {
			if *item.Length < 0 || *item.Length > len(rest) {
				return nil, fmt.Errorf("item %d of the envelope is cut short", n)
			}
			payload, rest = rest[:*item.Length], bytes.TrimPrefix(rest[*item.Length:], []byte("\n"))
		} else {
			payload, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		value, note := decodeJSON(payload)
		switch {
		case value != nil:
		case isText(payload):
			value = quote(string(payload))
			if !item.isJSON(payload) {
				note = nil
			}
		default:
			value = json.RawMessage("null")
			note = errors.New("the payload is not text; it is null in data")
		}
		if note != nil {
			notes = append(notes, fmt.Errorf("item %d of the envelope: %w", n, note))
		}
		if n > 1 {
			data = append(data, ',')
		}
		data = append(append(append(append(append(data, `{"header":`...), header...), `,"payload":`...), value...), '}')
	}
	return append(data, "]}"...), joined(notes...)
}
