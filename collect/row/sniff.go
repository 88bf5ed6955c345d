package row

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// sniff returns the kind of a body without a type, or with one that means little: sendBeacon labels every string
// text/plain, and curl -d labels everything a form. A body that only resembles another kind keeps the kind of its
// type. Where the kind is JSON, data is the body's, and from the text that has it. The error is a note.
func sniff(essence string, body []byte) (kind string, data json.RawMessage, from []byte, err error) {
	if kind, data, from, err = sniffJSON(body); kind != "" {
		return kind, data, from, err
	}
	switch {
	case essence == formType && bytes.IndexByte(body, '=') >= 0, isForm(body), hasFormLines(body), essence == formType && len(body) == 0:
		return Form, nil, body, err
	case essence == "text/plain", isText(body):
		if essence == formType {
			err = joined(err, notForm(body))
		}
		return Text, nil, body, err
	}
	return Binary, nil, body, err
}

// notForm returns a note about a text that is labelled as a form, if it looks like a form or JSON. curl -d labels
// any text so.
func notForm(body []byte) error {
	if looksLikeJSON(body) {
		_, err := validJSON(body)
		if err == nil || errors.As(err, new(*depthError)) {
			return nil
		}
		return fmt.Errorf("the body is not a form, as its Content-Type says: %w; data is the text", err)
	}
	if bytes.IndexByte(body, '&') >= 0 {
		return errors.New("the body is not a form, as its Content-Type says: no field has a value; data is the text")
	}
	return nil
}

// looksLikeJSON reports whether a body begins as a JSON object or array.
func looksLikeJSON(body []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), space)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// sniffJSON returns the kind of a body that is a JSON object or array, lines of them, the base64 of one, or an
// envelope of Sentry's, and else "". The error is a note.
func sniffJSON(body []byte) (kind string, data json.RawMessage, from []byte, err error) {
	data, tooDeep := objectOrArray(body)
	if data != nil {
		return JSON, data, body, tooDeep
	}
	if isEnvelope(body) {
		return Envelope, nil, body, nil
	}
	if data, err = jsonLines(body); data != nil {
		return JSON, data, body, err
	}
	if mayBeBase64JSON(string(body[:min(len(body), minBase64)])) { // without a copy of the whole body
		if from, data, err = base64JSON(string(body), maxInflated); data != nil {
			return JSON, data, from, err
		}
		return "", nil, nil, err
	}
	return "", nil, nil, tooDeep
}

// objectOrArray returns the JSON of a body that is an object or an array, and nil for any other: 17 and true are
// more often text. The error is a note about the data, or about JSON that is nested too deep.
func objectOrArray(body []byte) (data json.RawMessage, note error) {
	if !looksLikeJSON(body) {
		return nil, nil
	}
	data, note = decodeJSON(body)
	if data == nil {
		if !errors.As(note, new(*depthError)) {
			return nil, nil
		}
		note = fmt.Errorf("%w and is not decoded", note)
	}
	return data, note
}

func isJSON(body []byte) bool {
	data, _ := objectOrArray(body)
	return data != nil
}

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
		case c == '%' && (i+2 >= len(b) || digit(b[i+1]) < 0 || digit(b[i+2]) < 0):
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
