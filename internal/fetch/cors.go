package fetch

import (
	"net/http"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// checkCORS is Fetch, "CORS check".
func (f *fetching) checkCORS(h http.Header) error {
	allowed, credentials := h.Values("Access-Control-Allow-Origin"), f.Credentials == "include"
	switch {
	case len(allowed) == 0:
		return blocked("CORS: %s sent no Access-Control-Allow-Origin", f.server())
	case len(allowed) > 1:
		// Their combination is no origin.
		return blocked("CORS: %s sent more than one Access-Control-Allow-Origin", f.server())
	case allowed[0] == "*" && !credentials:
		return nil
	case allowed[0] == "*":
		return blocked("CORS: %s allows every origin, which does not count with credentials: it has to name %s", f.server(), f.serializedOrigin())
	case allowed[0] != f.serializedOrigin():
		return blocked("CORS: %s does not allow the origin %s", f.server(), f.serializedOrigin())
	case !credentials:
		return nil
	}
	if v := h.Values("Access-Control-Allow-Credentials"); len(v) != 1 || v[0] != "true" {
		return blocked("CORS: %s does not allow credentials", f.server())
	}
	return nil
}

// listValues is Fetch, "extract header list values", of a header that is a list of tokens:
// methods or names. ok is false for failure; a header that is not there has no values.
func listValues(h http.Header, name string) (values []string, ok bool) {
	for _, line := range h.Values(name) {
		for value := range strings.SplitSeq(line, ",") {
			if value = strings.Trim(value, " \t"); value == "" {
				continue
			}
			if !fetchrules.IsToken(value) {
				return nil, false
			}
			values = append(values, value)
		}
	}
	return values, true
}

// checkResourcePolicy is Fetch, "cross-origin resource policy check", of a page without an
// embedder policy.
func (f *fetching) checkResourcePolicy(h http.Header) error {
	to := weburl.OriginOf(f.url())
	switch strings.Join(h.Values("Cross-Origin-Resource-Policy"), ", ") {
	case "same-origin":
		if f.origin.Same(to) {
			return nil
		}
	case "same-site":
		if f.origin.SchemelesslySameSite(to) && (f.origin.Scheme == "https" || to.Scheme != "https") {
			return nil
		}
	default:
		return nil
	}
	return blocked("%s does not share its answers, by Cross-Origin-Resource-Policy", f.server())
}
