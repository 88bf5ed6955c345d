package fetchrules

import (
	"strings"

	"golang.org/x/net/http/httpguts"
)

// IsToken is RFC 9110, "token" (section 5.6.2): what methods and the names of headers are.
func IsToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }

// IsHeaderValue is Fetch, "header value", of one that is normalized. net/http sends fewer:
// it takes no control character but the tab.
func IsHeaderValue(value string) bool { return !strings.ContainsAny(value, "\x00\r\n") }

// NormalizeValue is Fetch, "normalize" a header value: without whitespace around it.
func NormalizeValue(value string) string { return strings.Trim(value, "\t\n\r ") }

// splitValue is Fetch, "get, decode, and split" a header value: at commas outside of
// quoted strings.
func splitValue(value string) (values []string) {
	start, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			values = append(values, strings.Trim(value[start:i], " \t"))
			start = i + 1
		}
	}
	return append(values, strings.Trim(value[start:], " \t"))
}
