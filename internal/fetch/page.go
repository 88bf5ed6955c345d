package fetch

import (
	"net/http"
	"strings"
	"sync"

	"github.com/nlnwa/whatwg-url/url"
)

// A Page is the environment settings object of a page (HTML, "Environment settings
// objects"), as far as fetching needs it. Its fields are set before the first request; then
// it is safe for concurrent use. It keeps the page's CORS-preflight cache.
type Page struct {
	// URL is the document's, and the referrer.
	URL string
	// Origin is the serialised origin; "null" is an opaque one, "" that of the URL.
	Origin string
	// ReferrerPolicy is the document's; "" is strict-origin-when-cross-origin.
	ReferrerPolicy string
	// CSP has the values of Content-Security-Policy headers; each may have several policies.
	CSP []string
	// Jar has the cookies; nil is none.
	Jar http.CookieJar

	once       sync.Once
	settings   settings
	preflights preflightCache
	sameSite   sameSiteMemory
}

// settings are a page's fields, parsed.
type settings struct {
	url        *url.Url // nil where there is none
	origin     origin
	referrer   string // policy
	policies   []contentSecurityPolicy
	selfOrigin origin // what 'self' is in them
}

func (p *Page) parsed() *settings {
	p.once.Do(func() {
		s := &p.settings
		if u, err := url.Parse(p.URL); err == nil {
			s.url = u
			s.origin = originOf(u)
			s.selfOrigin = s.origin
		}
		if p.Origin != "" {
			s.origin = origin{}
			if u, err := url.Parse(p.Origin); err == nil {
				s.origin = originOf(u)
			}
		}
		// A document without a server, such as about:blank, has inherited its policies
		// together with its origin (CSP, "self-origin").
		if s.selfOrigin.opaque() {
			s.selfOrigin = s.origin
		}
		s.referrer = defaultReferrerPolicy
		if policy := strings.ToLower(p.ReferrerPolicy); referrerPolicies[policy] {
			s.referrer = policy
		}
		s.policies = parsePolicies(p.CSP)
	})
	return &p.settings
}
