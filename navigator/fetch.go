package navigator

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
	"golang.org/x/net/http/httpguts"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// maxResponse is the most bytes that a response's body can have.
const maxResponse = 16 << 20

// Fetch is the fetch method of the Fetch standard. It sends a request of the Page and waits for the whole
// response, whose body has at most 16 MiB. The request is not queued on disk and not tried again. It also has
// the Navigator's Header and UserAgent, to which CORS does not apply.
//
// The error is a [*beacon.TypeError] for an invalid request, or one with Keepalive for which the quota has no
// room. Another error is a network error of the standard, with its reason: a policy or the server forbids the
// request, or the network failed.
func (n *Navigator) Fetch(ctx context.Context, r *Request) (*Response, error) {
	return n.StartFetch(ctx, r)()
}

// StartFetch is [Navigator.Fetch] in two steps, for fetches in parallel whose parts of the quota are taken in the
// order of the calls. It checks the request and takes its part of the quota. wait sends the request. The caller
// calls it once.
func (n *Navigator) StartFetch(ctx context.Context, r *Request) (wait func() (*Response, error)) {
	fail := func(err error) func() (*Response, error) {
		return func() (*Response, error) { return nil, err }
	}
	if n.Page == nil {
		return fail(typeErrorf("Fetch needs a page: set Navigator.Page"))
	}
	clean, err := n.Page.newRequest(r)
	if err != nil {
		return fail(err)
	}
	if clean.Referrer == "about:client" {
		clean.Referrer = n.Page.href()
	}
	release := func() {}
	if clean.Keepalive {
		if release, err = n.Page.reserve(len(clean.Body)); err != nil {
			return fail(err)
		}
	}
	return func() (*Response, error) {
		defer release()
		return n.fetch(ctx, clean, release)
	}
}

// reserve takes a part of the quota.
func (p *Page) reserve(n int) (release func(), err error) {
	release, ok := p.group.Reserve(n)
	if !ok {
		return nil, typeErrorf("the page's keepalive requests under way leave no room for a body of %d bytes in their quota of %d: wait for their answers", n, fetch.Quota)
	}
	return release, nil
}

// fetch sends a request that [Page.newRequest] made.
func (n *Navigator) fetch(ctx context.Context, r *Request, onDrop func()) (*Response, error) {
	p := n.Page
	agent, err := n.agentHeader()
	if err != nil {
		return nil, err
	}
	q := fetch.Request{
		OnDrop: onDrop,
		Page:   p.fetchPage(), Method: r.Method, URL: r.URL, Header: r.Header, Body: r.Body, Agent: agent,
		Mode: r.Mode, Credentials: r.Credentials, Redirect: r.Redirect,
		Referrer: r.Referrer, ReferrerPolicy: r.ReferrerPolicy, Initiator: r.Initiator, ReadBody: maxResponse,
	}
	if p.Intercept != nil {
		if err := q.Check(); err != nil {
			return nil, err
		}
		shown := r.copy()
		shown.URL = q.URL
		if res, err := p.Intercept(ctx, shown); res != nil || err != nil {
			return r.accept(res, err)
		}
	}
	res, err := n.agent().client.Do(ctx, q)
	if err != nil {
		return nil, err
	}
	return seen(res), nil
}

// copy returns a copy for a hook, which can change it.
func (r *Request) copy() *Request {
	c := *r
	c.Header, c.Body = r.Header.Clone(), bytes.Clone(r.Body)
	return &c
}

// accept returns the answer of a hook to the request, or an error if the request can't have that answer (Fetch,
// "HTTP fetch", step 3).
func (r *Request) accept(res *Response, err error) (*Response, error) {
	if res != nil && res.Type == "" {
		made := *res
		made.Type = "basic"
		res = &made
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("network error: intercepted: %w", err)
	case res.Type != "opaque" && res.Type != "opaqueredirect" && (res.Status < 200 || res.Status > 599):
		return nil, fmt.Errorf("network error: intercepted with the status %d: it must be from 200 to 599", res.Status)
	case r.Mode == "same-origin" && res.Type == "cors",
		r.Mode != "no-cors" && res.Type == "opaque",
		r.Redirect != "manual" && res.Type == "opaqueredirect",
		r.Redirect != "follow" && res.Redirected:
		return nil, fmt.Errorf("network error: intercepted with a response of type %q, which a request of mode %q can't have", res.Type, r.Mode)
	}
	return res, nil
}

// seen returns the parts of a response that the page can read.
func seen(res fetch.Response) *Response {
	r := &Response{
		Type: res.Type, URL: res.URL, Redirected: res.Redirected, Status: res.Status,
		StatusText: res.StatusText, Header: res.Header, Body: res.Body,
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Type == "opaque" || r.Type == "opaqueredirect" {
		r.Status = 0
	}
	return r
}

// newRequest returns the request with all defaults set, or a TypeError (Fetch, "Request class", the constructor).
func (p *Page) newRequest(r *Request) (*Request, error) {
	u, err := p.parse(r.URL)
	if err != nil {
		return nil, err
	}
	if u.Username() != "" || u.Password() != "" {
		return nil, typeErrorf("a request's URL can't have a user or a password: use a header")
	}
	q := *r
	q.URL = u.Href(true)
	for _, field := range [...]struct {
		name   string
		value  *string
		values []string // the first one is the default
	}{
		{"Mode", &q.Mode, []string{"cors", "no-cors", "same-origin"}},
		{"Credentials", &q.Credentials, []string{"same-origin", "include", "omit"}},
		{"Redirect", &q.Redirect, []string{"follow", "error", "manual"}},
		{"Initiator", &q.Initiator, []string{"fetch", "beacon", "ping"}},
	} {
		if *field.value, err = oneOf(field.name, *field.value, field.values); err != nil {
			return nil, err
		}
	}
	if !fetchrules.IsReferrerPolicy(q.ReferrerPolicy) {
		return nil, typeErrorf("%q is not a referrer policy", q.ReferrerPolicy)
	}
	switch q.Referrer {
	case "", "about:client":
		q.Referrer = "about:client"
	case fetch.NoReferrer:
	default:
		u, err := p.parse(q.Referrer)
		if err != nil {
			return nil, err
		}
		q.Referrer = u.Href(false)
	}
	if err := q.setMethod(); err != nil {
		return nil, err
	}
	return &q, q.setHeader(r.Header)
}

func oneOf(name, value string, values []string) (string, error) {
	if value == "" {
		return values[0], nil
	}
	for _, v := range values {
		if v == value {
			return v, nil
		}
	}
	return "", typeErrorf("the request's %s can't be %q: it is one of %s", name, value, strings.Join(values, ", "))
}

func (r *Request) setMethod() error {
	switch {
	case r.Method == "":
		r.Method = "GET"
	case !fetchrules.IsToken(r.Method):
		return typeErrorf("%q is not a method", r.Method)
	case fetchrules.IsForbiddenMethod(r.Method):
		return typeErrorf("the method %s is forbidden", r.Method)
	}
	r.Method = fetchrules.NormalizeMethod(r.Method)
	if r.Mode == "no-cors" && !fetchrules.IsSafelistedMethod(r.Method) {
		return typeErrorf("the method %s can't be sent in mode no-cors: GET, HEAD and POST can", r.Method)
	}
	if r.Body != nil && (r.Method == "GET" || r.Method == "HEAD") {
		return typeErrorf("a %s can't have a body", r.Method)
	}
	return nil
}

// setHeader fills the header as a Headers object with the guard "request" or "request-no-cors" (Fetch, "Headers
// class"). It leaves out the headers that a page can't set.
func (r *Request) setHeader(from http.Header) error {
	r.Header = http.Header{}
	for name, values := range from {
		if !fetchrules.IsToken(name) {
			return typeErrorf("%q is not the name of a header", name)
		}
		for _, value := range values {
			value = fetchrules.NormalizeValue(value)
			if !httpguts.ValidHeaderFieldValue(value) {
				return typeErrorf("the header %s has a value that no header can have", name)
			}
			if fetchrules.IsForbiddenHeader(name, value) {
				continue
			}
			if r.Mode == "no-cors" && !fetchrules.IsNoCORSHeader(name, strings.Join(append(r.Header.Values(name), value), ", ")) {
				continue
			}
			r.Header.Add(name, value)
		}
	}
	return nil
}

// parse parses a URL relative to the page's base (HTML, "encoding-parse a URL").
func (p *Page) parse(ref string) (*url.Url, error) {
	u, err := weburl.ParseRef(p.base(), ref)
	if err != nil {
		u, err = weburl.Parse(ref) // an absolute one needs no base
	}
	if err != nil {
		return nil, typeErrorf("%q is not a URL", ref)
	}
	return u, nil
}

func (p *Page) base() string {
	at := p.place()
	if at.base != "" {
		return at.base
	}
	return at.url
}

// agentHeader returns the navigator's own header.
func (n *Navigator) agentHeader() (http.Header, error) {
	fields, err := n.header(nil, "")
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return h, nil
}
