package row

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// isEnvelope reports whether a body is an envelope of Sentry's: a line with its header, and for each item a line with
// a header that names its type, and its payload. Sentry's scripts label it text/plain.
func isEnvelope(body []byte) bool {
	first, rest, ok := bytes.Cut(body, []byte("\n"))
	if !ok || !bytes.HasPrefix(first, []byte("{")) {
		return false
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	header, item := fieldsOf(first), itemHeader{}
	if header == nil || json.Unmarshal(second, &item) != nil || item.Type == "" {
		return false
	}
	for _, name := range []string{"event_id", "sent_at", "dsn", "sdk", "trace"} {
		if header[name] != nil {
			return true
		}
	}
	return len(header) == 0
}

func fieldsOf(text []byte) (fields map[string]json.RawMessage) {
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}

// An itemHeader is what tells where the payload of an item ends.
type itemHeader struct {
	Type   string `json:"type"`
	Length *int   `json:"length"` // in bytes; without it the payload ends at the line's end
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
			notes = append(notes, note)
		case isText(payload):
			value = quote(string(payload))
		default:
			value = json.RawMessage("null")
		}
		if n > 1 {
			data = append(data, ',')
		}
		data = append(append(append(append(append(data, `{"header":`...), header...), `,"payload":`...), value...), '}')
	}
	return append(data, "]}"...), joined(notes...)
}
