package row

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// sniff is the kind of what has no label, or one that says little: sendBeacon labels
// every string text/plain, and curl -d whatever it sends a form. What looks like
// another thing but isn't one stays what its label says.
func sniff(essence string, body []byte) string {
	switch {
	case isJSON(body):
		return JSON
	case essence == formType, isForm(body):
		return Form
	case essence == "text/plain", isText(body):
		return Text
	}
	return Binary
}

// isJSON says whether the body is a JSON object or array. A text such as 17 or true is
// text to most who send it.
func isJSON(body []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), space)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	_, err := decodeJSON(body)
	return err == nil
}

// isForm says whether a form's encoder could have written the body: names with values,
// in the bytes that URL, section 5.2, leaves and those that senders forget to escape. A
// sentence has spaces, an address a slash before its first "=".
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

// isEscaped says whether b has letters, digits, those others, and whole escapes only.
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

// isText says whether the body is UTF-8 without a "binary data byte" (MIME Sniffing,
// section 3).
func isText(body []byte) bool {
	for _, c := range body {
		if c < ' ' && strings.IndexByte("\t\n\f\r\x1b", c) < 0 {
			return false
		}
	}
	return utf8.Valid(body)
}
