package fetchrules

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	digits        = "0123456789"
	languageBytes = digits + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz *,-.;="
)

// isSafelisted is Fetch, "CORS-safelisted request-header".
func isSafelisted(name, value string) bool {
	if len(value) > 128 {
		return false
	}
	switch strings.ToLower(name) {
	case "accept":
		return !hasUnsafeByte(value)
	case "accept-language", "content-language":
		return strings.Trim(value, languageBytes) == ""
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

func isDigits(s string) bool { return s != "" && strings.Trim(s, digits) == "" }

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
	if !IsToken(kind) || !IsToken(subtype) {
		return ""
	}
	return strings.ToLower(kind + "/" + subtype)
}

// UnsafeNames is Fetch, "CORS-unsafe request-header names": in lower case, sorted.
func UnsafeNames(h http.Header) []string {
	unsafe, safe, size := map[string]bool{}, []string{}, 0
	for name, values := range h {
		for _, value := range values {
			if isSafelisted(name, value) {
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

// IsNoCORSName is Fetch, "no-CORS-safelisted request-header name".
func IsNoCORSName(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-language", "content-language", "content-type":
		return true
	}
	return false
}

// IsNoCORSHeader is Fetch, "no-CORS-safelisted request-header".
func IsNoCORSHeader(name, value string) bool {
	return IsNoCORSName(name) && isSafelisted(name, value)
}
