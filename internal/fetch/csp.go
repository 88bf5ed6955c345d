package fetch

import "strings"

// A contentSecurityPolicy is what a policy says of connections.
type contentSecurityPolicy struct {
	text     string
	connect  []string // the source list of connect-src, or else of default-src
	connects bool     // there is one
	upgrade  bool     // upgrade-insecure-requests
}

// parsePolicies is CSP, "Parse response's Content Security Policies".
func parsePolicies(values []string) []contentSecurityPolicy {
	var policies []contentSecurityPolicy
	for _, value := range values {
		for serialized := range strings.SplitSeq(value, ",") {
			policies = append(policies, parsePolicy(serialized))
		}
	}
	return policies
}

// parsePolicy is CSP, "Parse a serialized CSP".
func parsePolicy(serialized string) (p contentSecurityPolicy) {
	directives := map[string][]string{}
	for token := range strings.SplitSeq(serialized, ";") {
		if !isASCII(token) {
			continue
		}
		words := strings.FieldsFunc(token, isASCIIWhitespace)
		if len(words) == 0 {
			continue
		}
		name := strings.ToLower(words[0])
		if _, duplicate := directives[name]; !duplicate {
			directives[name] = words[1:]
		}
	}
	p.text = strings.TrimFunc(serialized, isASCIIWhitespace)
	_, p.upgrade = directives["upgrade-insecure-requests"]
	// CSP, "Get fetch directive fallback list".
	if p.connect, p.connects = directives["connect-src"]; !p.connects {
		p.connect, p.connects = directives["default-src"]
	}
	return p
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] > 0x7f {
			return false
		}
	}
	return true
}

func isASCIIWhitespace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\f' || r == '\r'
}
