package fetch

import (
	"net/http"
	"sync"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A Page is the environment settings object of a page (HTML, "Environment settings
// objects"), as far as fetching needs it. Its fields are set before the first request; then
// it is safe for concurrent use. It keeps the page's CORS-preflight cache.
type Page struct {
	// URL is the document's, and the referrer.
	URL string
	// Origin is the serialised origin; "null" is an opaque one, "" that of the URL.
	Origin string
	// ReferrerPolicy is the document's, as in a header: of several the last that is known.
	// Default: strict-origin-when-cross-origin.
	ReferrerPolicy string
	// CSP has the values of Content-Security-Policy headers; each may have several policies.
	CSP []string
	// Jar has the cookies; nil is none. Only a [Jar] knows which may cross sites.
	Jar http.CookieJar
	// Violation, if not nil, is called when a policy blocks a request, with the request's URL
	// without its fragment, the directive and the policy.
	Violation func(blocked, directive, policy string)

	once       sync.Once
	settings   settings
	preflights preflightCache
}

// settings are a page's fields, parsed.
type settings struct {
	url        *url.Url // nil where there is none
	origin     weburl.Origin
	referrer   string // policy
	policies   []contentSecurityPolicy
	selfOrigin weburl.Origin // what 'self' is in them
}

func (p *Page) parsed() *settings {
	p.once.Do(func() {
		s := &p.settings
		if u, err := weburl.Parse(p.URL); err == nil {
			s.url = u
			s.origin = weburl.OriginOf(u)
			s.selfOrigin = s.origin
		}
		if p.Origin != "" {
			s.origin = weburl.Origin{}
			if u, err := weburl.Parse(p.Origin); err == nil {
				s.origin = weburl.OriginOf(u)
			}
		}
		// A document without a server, such as about:blank, has inherited its policies
		// together with its origin (CSP, "self-origin").
		if s.selfOrigin.Opaque() {
			s.selfOrigin = s.origin
		}
		s.referrer = defaultReferrerPolicy
		if policy := lastReferrerPolicy(p.ReferrerPolicy); policy != "" {
			s.referrer = policy
		}
		s.policies = parsePolicies(p.CSP)
	})
	return &p.settings
}

// documentReferrer is Referrer Policy, "Determine request's Referrer", step 3.
func (p *Page) documentReferrer() *url.Url {
	s := p.parsed()
	if s.origin.Opaque() {
		return nil
	}
	return s.url
}
