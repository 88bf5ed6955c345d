package fetch

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// IsSafelistedMethod is Fetch, "CORS-safelisted method".
func IsSafelistedMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == "POST"
}

// IsForbiddenMethod is Fetch, "forbidden method".
func IsForbiddenMethod(method string) bool {
	switch strings.ToUpper(method) {
	case "CONNECT", "TRACE", "TRACK":
		return true
	}
	return false
}

// NormalizeMethod is Fetch, "normalize a method".
func NormalizeMethod(method string) string {
	switch upper := strings.ToUpper(method); upper {
	case "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT":
		return upper
	}
	return method
}

// IsSafelistedHeader is Fetch, "CORS-safelisted request-header".
func IsSafelistedHeader(name, value string) bool {
	if len(value) > 128 {
		return false
	}
	switch strings.ToLower(name) {
	case "accept":
		return !hasUnsafeByte(value)
	case "accept-language", "content-language":
		return !strings.ContainsFunc(value, func(r rune) bool {
			return r > 0x7f || !isAlpha(byte(r)) && !isDigit(byte(r)) && !strings.ContainsRune(" *,-.;=", r)
		})
	case "content-type":
		if hasUnsafeByte(value) {
			return false
		}
		switch essence(value) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
			return true
		}
	case "range":
		return isSingleRange(value)
	}
	return false
}

// isSingleRange is Fetch, "parse a single range header value", where it has a start.
func isSingleRange(value string) bool {
	value, ok := strings.CutPrefix(value, "bytes=")
	first, last, dash := strings.Cut(value, "-")
	if !ok || !dash || !isDigits(first) || last != "" && !isDigits(last) {
		return false
	}
	if last == "" {
		return true
	}
	first, last = strings.TrimLeft(first, "0"), strings.TrimLeft(last, "0") // of any length
	return len(first) < len(last) || len(first) == len(last) && first <= last
}

// hasUnsafeByte is Fetch, "CORS-unsafe request-header byte".
func hasUnsafeByte(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f || strings.IndexByte(`"():<>?@[\]{}`, c) >= 0 {
			return true
		}
	}
	return false
}

// essence is MIME Sniffing, "parse a MIME type": its essence, or "" for failure. What
// follows the subtype can't make it one.
func essence(value string) string {
	whole, _, _ := strings.Cut(strings.Trim(value, "\n\r\t "), ";")
	kind, subtype, _ := strings.Cut(whole, "/")
	subtype = strings.TrimRight(subtype, "\n\r\t ")
	if !httpguts.ValidHeaderFieldName(kind) || !httpguts.ValidHeaderFieldName(subtype) { // tokens
		return ""
	}
	return strings.ToLower(kind + "/" + subtype)
}

// unsafeNames is Fetch, "CORS-unsafe request-header names": in lower case, sorted.
func unsafeNames(h http.Header) []string {
	unsafe, safe, size := map[string]bool{}, []string{}, 0
	for name, values := range h {
		for _, value := range values {
			if IsSafelistedHeader(name, value) {
				safe = append(safe, name)
				size += len(value)
			} else {
				unsafe[strings.ToLower(name)] = true
			}
		}
	}
	if size > 1024 {
		for _, name := range safe {
			unsafe[strings.ToLower(name)] = true
		}
	}
	return slices.Sorted(maps.Keys(unsafe))
}

// isNoCORSName is Fetch, "no-CORS-safelisted request-header name".
func isNoCORSName(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-language", "content-language", "content-type":
		return true
	}
	return false
}

// IsNoCORSHeader is Fetch, "no-CORS-safelisted request-header".
func IsNoCORSHeader(name, value string) bool {
	return isNoCORSName(name) && IsSafelistedHeader(name, value)
}

// IsForbiddenHeader is Fetch, "forbidden request-header".
func IsForbiddenHeader(name, value string) bool {
	name = strings.ToLower(name)
	switch name {
	case "accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method",
		"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin",
		"referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via":
		return true
	case "x-http-method", "x-http-method-override", "x-method-override":
		return slices.ContainsFunc(splitValue(value), IsForbiddenMethod)
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}

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
