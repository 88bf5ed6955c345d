package beacon

import (
	"context"
	"crypto/tls"
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

// A Page is the page that a Navigator belongs to: what HTML calls its environment settings
// object. Its fields are set before the first use; then it is safe for concurrent use.
type Page struct {
	// URL is the document's: the base of relative URLs, and the referrer.
	URL string
	// Base is the base URL where a base element says another one.
	Base string
	// Origin is the serialised origin. Default: that of URL; "null" is an opaque one.
	Origin string
	// ReferrerPolicy is the value of the header of that name. Default:
	// strict-origin-when-cross-origin.
	ReferrerPolicy string
	// ContentSecurityPolicy has the values of the headers of that name.
	ContentSecurityPolicy []string
	// Jar has the cookies; nil is none. One of [NewJar] heeds SameSite; all that another has
	// crosses sites.
	Jar http.CookieJar
	// OnViolation, if not nil, hears what ContentSecurityPolicy blocked, as the page does in
	// its securitypolicyviolation event: the URL, the directive and the policy. It is called
	// from any goroutine.
	OnViolation func(blocked, directive, policy string)
	// Intercept, if not nil, sees every request before it leaves, as a service worker's
	// fetch event would. It returns nil, nil to let it pass; a response to answer it, and
	// then nothing leaves; an error to fail it as a network error, after which a beacon is
	// tried again; and holds it by not returning, at the longest until ctx is done. It sees
	// neither preflights nor the requests that redirects make, nor what another process
	// delivers because this one is gone.
	Intercept func(ctx context.Context, r *Request) (*Response, error)

	at    atomic.Pointer[place]
	once  sync.Once
	page  *fetch.Page
	group fetch.Group // with the keepalive quota
}

// NewJar returns a jar for the cookies of pages. It heeds SameSite, the prefixes __Host- and
// __Secure-, and keeps http from what https has set, which one of net/http/cookiejar does not;
// for as many pages as share it.
func NewJar() http.CookieJar { return fetch.NewJar() }

// A place is what can change in the life of a page.
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

// Move changes the document's URL, as history.pushState does, and the base URL, as a base
// element does; the field Base says what "" means. The origin stays: a URL of another one is a
// [*TypeError]. What was sent before keeps its referrer.
func (p *Page) Move(url, base string) error {
	if was := p.place().url; url != was && !weburl.SameOrigin(url, was) {
		return typeErrorf("%q is of another origin than the page", url)
	}
	p.at.Store(newPlace(url, base))
	return nil
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

// href is the document's URL, serialised.
func (p *Page) href() string { return p.place().href }

// fetchPage is the page as the user agent has it, one for all of its requests: it keeps the
// CORS-preflight cache.
func (p *Page) fetchPage() *fetch.Page {
	p.once.Do(func() {
		p.page = &fetch.Page{
			URL: p.URL, Origin: p.Origin, ReferrerPolicy: p.ReferrerPolicy, CSP: p.ContentSecurityPolicy, Jar: p.Jar, Violation: p.OnViolation,
		}
	})
	return p.page
}

// fields are a beacon's extension fields (Beacon, "Processing Model", steps 6 and 8): its mode
// is "cors" where a form could not have sent it.
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
		// No header has a line end in it.
		value = lineEnds.Replace(value)
		fields = append(fields, warc.Field{Name: deliver.CSPField, Value: value})
	}
	return fields
}

// pageClients are the process's for pages, by *tls.Config: six connections to an origin, as
// browsers have.
var pageClients sync.Map

func pageClient(tls *tls.Config) *fetch.Client {
	if c, ok := pageClients.Load(tls); ok {
		return c.(*fetch.Client)
	}
	c, _ := pageClients.LoadOrStore(tls, fetch.NewClient(6, tls))
	return c.(*fetch.Client)
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
	Referrer       string // default "about:client", the page's; "no-referrer" is none
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
