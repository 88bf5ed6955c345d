package fetch

import (
	"strconv"
	"strings"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// matches is CSP, "Does url match source list in origin with redirect count?".
func (p *contentSecurityPolicy) matches(u *url.Url, self weburl.Origin, redirects int) bool {
	for _, expression := range p.connect {
		// 'none' matches nothing beside others, too.
		if matchesSource(u, expression, self, redirects) {
			return true
		}
	}
	return false
}

// matchesSource is CSP, "Does url match expression in origin with redirect count?", of an
// http or https URL.
func matchesSource(u *url.Url, expression string, self weburl.Origin, redirects int) bool {
	if expression == "*" {
		return true
	}
	if strings.EqualFold(expression, "'self'") {
		return matchesSelf(u, self)
	}
	if scheme, ok := strings.CutSuffix(expression, ":"); ok && isScheme(scheme) {
		return matchesScheme(scheme, u.Scheme())
	}
	s, ok := parseHostSource(expression)
	if !ok {
		return false
	}
	if s.scheme == "" {
		s.scheme = self.Scheme
	}
	return matchesScheme(s.scheme, u.Scheme()) && matchesHost(s.host, u.Hostname()) && matchesPort(s.port, u) &&
		(redirects > 0 || matchesPath(s.path, u.Pathname()))
}

// matchesSelf is step 4 of that.
func matchesSelf(u *url.Url, self weburl.Origin) bool {
	o := weburl.OriginOf(u)
	if self.Same(o) {
		return true
	}
	// "" is the default port of either scheme.
	return !self.Opaque() && self.Host == o.Host && self.Port == o.Port &&
		(o.Scheme == "https" || self.Scheme == "http" && o.Scheme == "http")
}

// A hostSource is CSP's host-source.
type hostSource struct{ scheme, host, port, path string }

func parseHostSource(s string) (h hostSource, ok bool) {
	if scheme, rest, found := strings.Cut(s, "://"); found && isScheme(scheme) {
		h.scheme, s = scheme, rest
	}
	if i := strings.IndexByte(s, '/'); i >= 0 {
		s, h.path = s[:i], s[i:]
	}
	var hasPort bool
	h.host, h.port, hasPort = strings.Cut(s, ":")
	if hasPort && h.port != "*" && !isDigits(h.port) {
		return h, false
	}
	return h, isHostPart(h.host) && isPathAbsolute(h.path)
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlpha(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func isHostPart(s string) bool {
	if s == "*" {
		return true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "*."), ".")
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlpha(c) && !isDigit(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

// isPathAbsolute is RFC 3986, path-absolute, or nothing.
func isPathAbsolute(s string) bool {
	if strings.HasPrefix(s, "//") {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isAlpha(c), isDigit(c), strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

// matchesScheme is CSP, "scheme-part matching".
func matchesScheme(a, b string) bool {
	a = strings.ToLower(a)
	return a == b ||
		a == "http" && b == "https" ||
		a == "ws" && (b == "wss" || b == "http" || b == "https") ||
		a == "wss" && b == "https"
}

// matchesHost is CSP, "host-part matching". Of addresses the text lets none match, but for
// a note that 127.0.0.1 does, as it does in browsers.
func matchesHost(pattern, host string) bool {
	if weburl.IsIP(host) {
		return pattern == "127.0.0.1" && host == pattern
	}
	if pattern == "*" {
		return true
	}
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(host, strings.ToLower(suffix))
	}
	return strings.EqualFold(pattern, host)
}

// matchesPort is CSP, "port-part matching".
func matchesPort(input string, u *url.Url) bool {
	if input == "*" || input == u.Port() {
		return true
	}
	port, err := strconv.Atoi(input)
	return err == nil && port == u.DecodedPort()
}

// matchesPath is CSP, "path-part matching".
func matchesPath(a, b string) bool {
	if a == "" || a == "/" && b == "" {
		return true
	}
	listA, listB := strings.Split(a, "/"), strings.Split(b, "/")
	if exact := !strings.HasSuffix(a, "/"); len(listA) > len(listB) || exact && len(listA) != len(listB) {
		return false
	} else if !exact {
		listA = listA[:len(listA)-1]
	}
	for i := range listA {
		if percentDecode(listA[i]) != percentDecode(listB[i]) {
			return false
		}
	}
	return true
}

// percentDecode is URL, "percent-decode": what is no escape stays.
func percentDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			v, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b = append(b, byte(v))
			i += 2
		} else {
			b = append(b, s[i])
		}
	}
	return string(b)
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
