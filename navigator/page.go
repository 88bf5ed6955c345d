package navigator

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/warc"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A Page has the settings of the page that a Navigator belongs to (HTML, "environment settings object"). Its
// fields are set before the first use; then it is safe for concurrent use.
type Page struct {
	// URL is that of the document. It is the base of relative URLs, and the referrer.
	URL string
	// Base is the base of relative URLs if it differs from URL, as with a base element. Default: URL.
	Base string
	// Origin is the serialised origin; "null" stands for an opaque origin. Default: that of URL.
	Origin string
	// ReferrerPolicy is the value of the header Referrer-Policy. Default: strict-origin-when-cross-origin.
	ReferrerPolicy string
	// ContentSecurityPolicy has the values of the Content-Security-Policy headers.
	ContentSecurityPolicy []string
	// Jar has the cookies. A jar of [NewJar] implements SameSite. With another jar all cookies are sent from all
	// sites. Default: the page has no cookies.
	Jar http.CookieJar
	// OnViolation, if not nil, is called with the URL, the directive and the policy when ContentSecurityPolicy
	// blocks a request, as in a securitypolicyviolation event. It is called from any goroutine.
	OnViolation func(blocked, directive, policy string)
	// Intercept, if not nil, is called with a copy of each request before it leaves, as the fetch event of a
	// service worker is. It returns one of these:
	//
	//   - nil, nil: the request leaves
	//   - a response: it is the answer, and the request does not leave
	//   - an error: the request fails with a network error; a beacon is tried again later
	//
	// The request waits until Intercept returns. Intercept must return soon after ctx is done. It is not called
	// for preflights and redirects, nor for beacons that another process delivers because this one has ended.
	Intercept func(ctx context.Context, r *Request) (*Response, error)

	at    atomic.Pointer[place]
	once  sync.Once
	page  *fetch.Page
	group fetch.Group // with the keepalive quota
}

// NewJar returns a jar for the cookies of pages; several pages can share it. Unlike a jar of net/http/cookiejar
// it implements SameSite and the prefixes __Host- and __Secure-, and does not let http change a cookie that https
// has set.
func NewJar() http.CookieJar { return fetch.NewJar() }

// A place has the settings that can change while a page exists.
type place struct {
	url, base string
	href      string // the URL, serialised
}

func newPlace(url, base string) *place {
	at := &place{url: url, base: base}
	if u, err := weburl.Parse(url); err == nil {
		at.href = u.Href(false)
	}
	return at
}

func (p *Page) place() *place {
	if p.at.Load() == nil {
		p.at.CompareAndSwap(nil, newPlace(p.URL, p.Base))
	}
	return p.at.Load()
}

// Move changes the document's URL, as history.pushState does, and the base URL, as a base element does. Without a
// base, the URL is the base. The error is a [*beacon.TypeError] for a URL of another origin. Requests that were
// sent before keep their referrer.
func (p *Page) Move(url, base string) error {
	if was := p.place().url; url != was && !weburl.SameOrigin(url, was) {
		return typeErrorf("%q is of another origin than the page", url)
	}
	p.at.Store(newPlace(url, base))
	return nil
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// href returns the document's URL, serialised.
func (p *Page) href() string { return p.place().href }

// fetchPage returns the page for the user agent. All requests of the page share it, because it has the
// CORS-preflight cache.
func (p *Page) fetchPage() *fetch.Page {
	p.once.Do(func() {
		p.page = &fetch.Page{
			URL: p.URL, Origin: p.Origin, ReferrerPolicy: p.ReferrerPolicy, CSP: p.ContentSecurityPolicy, Jar: p.Jar, Violation: p.OnViolation,
		}
	})
	return p.page
}

// fields appends a beacon's extension fields (Beacon, "Processing Model", steps 6 and 8). Its mode is "cors" if a
// form could not send its Content-Type.
func (p *Page) fields(fields warc.Fields, contentType string) warc.Fields {
	mode := "no-cors"
	if contentType != "" && !fetchrules.IsNoCORSHeader("Content-Type", contentType) {
		mode = "cors"
	}
	for _, f := range [...]warc.Field{
		{Name: deliver.ModeField, Value: mode},
		{Name: deliver.PageField, Value: p.href()},
		{Name: deliver.OriginField, Value: p.Origin},
		{Name: deliver.ReferrerPolicyField, Value: p.ReferrerPolicy},
	} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	for _, value := range p.ContentSecurityPolicy {
		// A header can't contain a line end.
		value = lineEnds.Replace(value)
		fields = append(fields, warc.Field{Name: deliver.CSPField, Value: value})
	}
	return fields
}

// A Request is the argument of [Navigator.Fetch] (Fetch, "Request class").
type Request struct {
	Method         string // default GET
	URL            string // relative to the page's base
	Header         http.Header
	Body           []byte
	Mode           string // "cors" (default), "no-cors", "same-origin"
	Credentials    string // "same-origin" (default), "include", "omit"
	Redirect       string // "follow" (default), "error", "manual"
	Referrer       string // default "about:client", the page's; "no-referrer" for none
	ReferrerPolicy string // default the page's
	Keepalive      bool   // outlives the page; its body counts for the quota of MaxBody bytes
	Initiator      string // "fetch" (default), "beacon", "ping"
}

// A Response is the answer to a [Request] (Fetch, "Response class").
type Response struct {
	Type       string // "basic", "cors", "opaque", "opaqueredirect"
	URL        string // after redirects, without the fragment; "" if opaque
	Redirected bool
	Status     int
	StatusText string
	Header     http.Header
	Body       []byte
}
