package fetch

import (
	"context"
	"net/http"

	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A fetching is a page's request on its way: Fetch's request, with the state that the
// standard keeps in it.
type fetching struct {
	Request
	client   *Client
	settings *settings
	origin   weburl.Origin
	urls     []*url.Url // URL list; the last one is the current URL
	referrer *url.Url   // where a Referer comes from, nil is no referrer
	policy   string     // referrer policy
	tainting string     // response tainting: "basic", "cors" or "opaque"
	asks     bool       // it takes a CORS preflight, now
	asked    bool       // it did, now or before
}

func (f *fetching) url() *url.Url { return f.urls[len(f.urls)-1] }

// newFetching is Fetch, "fetch", up to main fetch.
func newFetching(c *Client, q Request) (*fetching, error) {
	u, err := weburl.Parse(q.URL)
	if err != nil {
		return nil, blocked("the URL is none")
	}
	s := q.Page.parsed()
	f := &fetching{Request: q, client: c, settings: s, origin: s.origin, urls: []*url.Url{u}, tainting: "basic"}
	f.defaults()
	if f.Mode == "no-cors" && f.Initiator != "ping" {
		if !fetchrules.IsSafelistedMethod(f.Method) {
			return nil, blocked("method %s can't be sent without CORS", f.Method)
		}
		for name, values := range f.Header {
			for _, value := range values {
				if !fetchrules.IsNoCORSHeader(name, value) {
					return nil, blocked("header %s can't be sent as it is without CORS", name)
				}
			}
		}
	}
	if f.Header["Accept"] == nil {
		f.Header.Set("Accept", "*/*")
	}
	return f, nil
}

func (f *fetching) defaults() {
	f.Header, f.Agent = canonical(f.Header), canonical(f.Agent)
	if f.Mode == "" {
		f.Mode = "no-cors"
	}
	if f.Credentials == "" {
		f.Credentials = "same-origin"
	}
	if f.Redirect == "" {
		f.Redirect = "follow"
	}
	f.policy = f.ReferrerPolicy
	if f.policy == "" || !fetchrules.IsReferrerPolicy(f.policy) {
		f.policy = f.settings.referrer
	}
	switch f.Referrer {
	case NoReferrer:
	case "", "about:client":
		f.referrer = f.Page.documentReferrer()
	default:
		// What is no URL of the page's own origin is its own (Request class, "constructor").
		if u, err := weburl.Parse(f.Referrer); err == nil && f.origin.Same(weburl.OriginOf(u)) {
			f.referrer = u
		} else {
			f.referrer = f.Page.documentReferrer()
		}
	}
}

// canonical is a copy of the header whose names are in one case.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h)+1)
	for name, values := range h {
		for _, value := range values {
			c.Add(name, value)
		}
	}
	return c
}

// fetch is Fetch, "main fetch".
func (c *Client) fetch(ctx context.Context, q Request) (Response, error) {
	f, err := newFetching(c, q)
	if err != nil {
		return Response{}, err
	}
	res, err := f.follow(ctx)
	if err != nil {
		if f.asked {
			q.Page.preflights.clear(f)
		}
		return Response{}, err
	}
	return f.filtered(res)
}

// follow is its loop through the redirects.
func (f *fetching) follow(ctx context.Context) (*http.Response, error) {
	for {
		if err := f.mayGo(); err != nil {
			return nil, err
		}
		if to := determineReferrer(f.policy, f.referrer, f.url()); to == "" {
			f.referrer = nil
		} else {
			f.referrer, _ = weburl.Parse(to)
		}
		if err := f.taint(); err != nil {
			return nil, err
		}
		res, again, err := f.httpFetch(ctx)
		if !again {
			return res, err
		}
		if f.dropped && f.OnDrop != nil {
			f.OnDrop()
		}
	}
}

// Check says whether the request may leave, before anybody, such as a service worker, gets
// to see it: main fetch, as far as HTTP fetch. The error is a [*BlockedError]. A process's may.
func (q *Request) Check() error {
	if q.Page == nil {
		return nil
	}
	f, err := newFetching(nil, *q)
	if err != nil {
		return err
	}
	if err := f.mayGo(); err != nil {
		return err
	}
	q.URL = f.url().Href(true) // it may be upgraded
	return f.taint()
}

// mayGo is steps 4 to 7.
func (f *fetching) mayGo() error {
	u := f.url()
	if !weburl.IsHTTP(u) {
		return blocked("scheme %q is not http or https", u.Scheme())
	}
	// Upgrade Insecure Requests, "Upgrade request to a potentially trustworthy URL, if
	// appropriate". By the letter one that is trustworthy is upgraded too, and then not
	// reached; in browsers it is not.
	if f.settings.upgrades() && !weburl.Trustworthy(u) {
		upgraded := u.Clone()
		upgraded.SetProtocol("https")
		var err error
		if u, err = weburl.Parse(upgraded.Href(false)); err != nil { // with the port that follows
			return blocked("the URL is none with https")
		}
		f.urls[len(f.urls)-1] = u
	}
	if hasBadPort(u) {
		return blocked("port %s is a bad port", u.Port())
	}
	// Mixed Content, "Should fetching request be blocked as mixed content?". By the letter
	// pages of loopback hosts would forbid it as those of https do; in browsers they don't.
	if f.origin.Scheme == "https" && !weburl.Trustworthy(u) {
		return blocked("mixed content: a page of https can't send to %s", f.server())
	}
	// CSP, "Should request be blocked by Content Security Policy?". Reports have no
	// directive (CSP, "Get the effective directive for request").
	for _, policy := range f.settings.policies {
		if policy.connects && f.Destination != "report" && !policy.matches(u, f.settings.selfOrigin, len(f.urls)-1) {
			if f.Page.Violation != nil {
				f.Page.Violation(f.urls[0].Href(true), "connect-src", policy.text)
			}
			return blocked("the Content-Security-Policy of the page forbids to connect to %s", f.server())
		}
	}
	return nil
}

// server is who is asked, in the words of an error: a page does not learn where it was
// redirected to.
func (f *fetching) server() string {
	if len(f.urls) > 1 {
		return "a server that " + weburl.OriginOf(f.urls[0]).String() + " redirects to"
	}
	return weburl.OriginOf(f.urls[0]).String()
}

func (s *settings) upgrades() bool {
	for _, policy := range s.policies {
		if policy.upgrade {
			return true
		}
	}
	return false
}

// taint is step 12: what the answer will be to the page, and whether to ask for it.
func (f *fetching) taint() error {
	f.asks = false
	switch {
	case f.tainting == "basic" && f.origin.Same(weburl.OriginOf(f.url())):
	case f.Mode == "same-origin":
		return blocked("mode same-origin, and %s is of another origin", f.server())
	case f.Mode == "no-cors":
		if f.Redirect != "follow" {
			return blocked("mode no-cors can only follow redirects")
		}
		f.tainting = "opaque"
	default:
		f.tainting = "cors"
		f.asks = !fetchrules.IsSafelistedMethod(f.Method) || len(fetchrules.UnsafeNames(f.Header)) > 0
		f.asked = f.asked || f.asks
	}
	return nil
}
