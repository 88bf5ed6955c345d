package collect

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Origins returns the [Options.Origin] that allows what matches one of the patterns:
//
//	https://shop.example      that origin
//	https://*.shop.example    its subdomains, of any depth, and not itself
//	http://localhost:*        any port
//	moz-extension://*         any host and port of a scheme
//	file://                   the pages of an app that has files, and no host
//	null                      pages without an origin: sandboxed ones, and files in most browsers
//	*                         every origin
//
// The error names the first pattern that has none of these forms.
func Origins(patterns ...string) (func(origin string) bool, error) {
	var allowed []originPattern
	for _, text := range patterns {
		p, err := parseOriginPattern(text)
		if err != nil {
			return nil, err
		}
		allowed = append(allowed, p)
	}
	return func(origin string) bool {
		return slices.ContainsFunc(allowed, func(p originPattern) bool { return p.matches(origin) })
	}, nil
}

// An originPattern has "*" for what may be anything.
type originPattern struct{ scheme, host, port string }

func parseOriginPattern(text string) (originPattern, error) {
	if text == "*" || text == "null" {
		return originPattern{scheme: text}, nil
	}
	p, ok := splitOrigin(strings.ToLower(text))
	if ok && p.port == "" && isScheme(p.scheme) && (p.host == "*" || p.host == "" && !strings.HasPrefix(p.scheme, "http")) {
		return p, nil
	}
	name := strings.TrimPrefix(p.host, "*.")
	u, err := url.Parse(p.scheme + "://" + name)
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return p, fmt.Errorf("%q would match nothing: write the name as browsers send it, in Punycode (xn--...)", text)
	}
	if !ok || err != nil || u.Host != name || name == "" || strings.Contains(name, "*") || p.scheme == "*" {
		return p, fmt.Errorf("%q is not a pattern of origins: write https://shop.example, https://*.shop.example, http://localhost:*, moz-extension://*, file://, null or *", text)
	}
	return p, nil
}

func isScheme(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// isOrigin reports whether a value of the header Origin is an origin, as the HTML standard serializes it, or null.
func isOrigin(value string) bool {
	if value == "null" {
		return true
	}
	p, ok := splitOrigin(value)
	scheme := strings.ToLower(p.scheme)
	return ok && isScheme(scheme) && p.port != "*" && (p.host != "" || scheme != "http" && scheme != "https")
}

// splitOrigin splits an origin as the HTML standard serializes it ("origin"). The port is "" if it is
// the scheme's default.
func splitOrigin(origin string) (p originPattern, ok bool) {
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme == "" || strings.ContainsAny(host, "/?#@\\ \t") {
		return p, false
	}
	p = originPattern{scheme, host, ""}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		p.host, p.port = host[:i], host[i+1:]
		if p.port == "" || p.port != "*" && strings.Trim(p.port, "0123456789") != "" {
			return p, false
		}
	}
	if scheme == "http" && p.port == "80" || scheme == "https" && p.port == "443" {
		p.port = ""
	}
	return p, true
}

func (p originPattern) matches(origin string) bool {
	if p.scheme == "*" || p.scheme == "null" {
		return p.scheme == "*" || origin == "null"
	}
	o, ok := splitOrigin(origin)
	if !ok || o.scheme != p.scheme {
		return false
	}
	if p.host == "*" {
		return o.host != ""
	}
	if p.port != "*" && o.port != p.port {
		return false
	}
	if under, wild := strings.CutPrefix(p.host, "*"); wild {
		return strings.HasSuffix(o.host, under) && len(o.host) > len(under)
	}
	return o.host == p.host
}

// yes is the value of Access-Control-Allow-Credentials. It is never changed.
var yes = []string{"true"}

// checkOrigin refuses pages whose origin is not allowed, and sets the CORS headers for all others. It
// repeats the origin, because beacons carry credentials, for which "*" is not enough (Fetch, "CORS
// check"). Requests without an origin get no CORS headers: they come from programs, and no cache keeps
// the answer for a page's request.
func (c *Collector) checkOrigin(w http.ResponseWriter, r *http.Request) *refusal {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	h := w.Header()
	h["Vary"] = append(h["Vary"], "Origin")
	if c.options.Origin != nil && !c.options.Origin(origin) {
		return &refusal{reason: "origin", status: http.StatusForbidden,
			text: fmt.Sprintf("Pages of %.100s may not send here: whoever runs this collector can allow it (serve --origin).", origin)}
	}
	// Set would allocate for each.
	h["Access-Control-Allow-Origin"], h["Access-Control-Allow-Credentials"] = r.Header["Origin"][:1:1], yes[:1:1]
	return nil
}
