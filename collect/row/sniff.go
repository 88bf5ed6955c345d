package row

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// sniff returns the kind of a body without a type, or with one that means little: sendBeacon
// labels every string text/plain, and curl -d labels everything a form. A body that only
// resembles another kind keeps the kind of its type. data is the body's, where the kind is JSON.
func sniff(essence string, body []byte) (kind string, data json.RawMessage) {
	data = objectOrArray(body)
	switch {
	case data != nil:
		return JSON, data
	case essence == formType, isForm(body):
		return Form, nil
	case essence == "text/plain", isText(body):
		return Text, nil
	}
	return Binary, nil
}

// objectOrArray returns the JSON of a body that is an object or an array, and nil for any other:
// 17 or true is more often meant as text.
func objectOrArray(body []byte) json.RawMessage {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), space)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return nil
	}
	data, err := decodeJSON(body)
	if err != nil {
		return nil
	}
	return data
}

func isJSON(body []byte) bool { return objectOrArray(body) != nil }

// isForm reports whether a form's encoder could have written the body: names with values, in the
// bytes that URL, section 5.2, leaves and those that senders forget to escape. A sentence has
// spaces, and a URL has a slash before its first "=".
func isForm(body []byte) bool {
	const word = "-_.~*+%!'()$"
	hasValue := false
	for field := range bytes.SplitSeq(body, []byte("&")) {
		name, value, ok := bytes.Cut(field, []byte("="))
		if !ok || len(name) == 0 || !isEscaped(name, word+"[]") || !isEscaped(value, word+"[]=,:@/?") {
			return false
		}
		// Base64 ends in "=" too.
		hasValue = hasValue || len(bytes.TrimLeft(value, "=")) > 0
	}
	return hasValue
}

// isEscaped reports whether b consists of letters, digits, the others, and whole escapes.
func isEscaped(b []byte, others string) bool {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case strings.IndexByte(others, c) < 0:
			return false
		case c == '%' && (i+2 >= len(b) || hex(b[i+1]) < 0 || hex(b[i+2]) < 0):
			return false
		}
	}
	return true
}

// isText reports whether the body is UTF-8 without a "binary data byte" (MIME Sniffing,
// section 3).
func isText(body []byte) bool {
	for _, c := range body {
		if c < ' ' && strings.IndexByte("\t\n\f\r\x1b", c) < 0 {
			return false
		}
	}
	return utf8.Valid(body)
}
