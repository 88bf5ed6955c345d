package beacon

import (
	"context"
	"net/http"
)

// A Page is the page that a Navigator belongs to: what HTML calls its environment settings
// object. Its fields are set before the first use; then it is safe for concurrent use.
type Page struct {
	// URL is the document's: the base of relative URLs, and the referrer.
	URL string
	// Base is the base URL where a base element says another one.
	Base string
	// Origin is the serialised origin. Default: that of URL; "null" is an opaque one.
	Origin string
	// ReferrerPolicy is one of the eight. Default: strict-origin-when-cross-origin.
	ReferrerPolicy string
	// ContentSecurityPolicy has the values of the headers of that name.
	ContentSecurityPolicy []string
	// Jar has the cookies; nil is none.
	Jar http.CookieJar
	// Intercept, if not nil, sees every request before it leaves, as a service worker's
	// fetch event would. It returns nil, nil to let it pass; a response to answer it, and
	// then nothing leaves; an error to fail it as a network error; and holds it by not
	// returning, at the longest until ctx is done.
	Intercept func(ctx context.Context, r *Request) (*Response, error)
}

// A Request is one that a page makes with [Navigator.Fetch] (Fetch, "Request class").
type Request struct {
	Method         string // default GET
	URL            string // relative to the page's base
	Header         http.Header
	Body           []byte
	Mode           string // "cors" (default), "no-cors", "same-origin"
	Credentials    string // "same-origin" (default), "include", "omit"
	Redirect       string // "follow" (default), "error", "manual"
	Referrer       string // default "about:client", the page's; "" is none
	ReferrerPolicy string // default the page's
	Keepalive      bool   // outlives the page, within the quota of 64 KiB
	Initiator      string // who asks: "fetch" (default), "beacon", "ping"
}

// A Response is the answer to a [Request] (Fetch, "Response class").
type Response struct {
	Type       string // "basic", "cors", "opaque", "opaqueredirect"
	URL        string // after redirects, without fragment; "" if opaque
	Redirected bool
	Status     int
	StatusText string
	Header     http.Header
	Body       []byte
}
