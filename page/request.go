package page

import (
	"github.com/dop251/goja"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// A request has the slots of a Request.
type request struct {
	method, mode, credentials, cache, redirect, integrity string
	url                                                   *url.Url
	referrer                                              string // "" for no referrer
	referrerPolicy                                        string
	keepalive                                             bool
	headers                                               *headers
	headersObject                                         *goja.Object
	body                                                  *body
	signal                                                *abortSignal
}

func (r *request) content() *body { return r.body }
func (r *request) contentType() string {
	v, _ := r.headers.get("content-type")
	return v
}

// defineRequest defines the interface Request (Fetch, "Request class").
func (rt *realm) defineRequest() {
	i := rt.define("Request", "", 1, func(c call) any { r, _ := c.newRequest(); return r })
	text := func(name string, get func(r *request) string) {
		getter(i, name, func(r *request) any { return get(r) })
	}
	text("method", func(r *request) string { return r.method })
	text("url", func(r *request) string { return r.url.Href(false) })
	getter(i, "headers", func(r *request) any { return r.headersObject })
	text("destination", func(*request) string { return "" })
	text("referrer", func(r *request) string { return r.referrer })
	text("referrerPolicy", func(r *request) string { return r.referrerPolicy })
	text("mode", func(r *request) string { return r.mode })
	text("credentials", func(r *request) string { return r.credentials })
	text("cache", func(r *request) string { return r.cache })
	text("redirect", func(r *request) string { return r.redirect })
	text("integrity", func(r *request) string { return r.integrity })
	getter(i, "keepalive", func(r *request) any { return r.keepalive })
	getter(i, "isReloadNavigation", func(*request) any { return false })
	getter(i, "isHistoryNavigation", func(*request) any { return false })
	getter(i, "signal", func(r *request) any { return r.signal.object })
	text("duplex", func(*request) string { return "half" })
	defineBody[*request](i)
	method(i, "clone", 0, func(r *request, c call) any {
		clone := *r
		clone.body = c.cloneBody(r.body, i.name)
		clone.ownHeaders(rt, &headers{append([]pair(nil), r.headers.list...), r.headers.guard})
		clone.signal = rt.dependentSignal([]*abortSignal{r.signal})
		return rt.make("Request", &clone)
	})
}

func (r *request) ownHeaders(rt *realm, h *headers) {
	r.headers = h
	r.headersObject = rt.make("Headers", h)
}

// newRequest is the constructor of Request. It also returns the init, for fetchLater.
func (c call) newRequest() (*request, requestInit) {
	from, _ := c.implOf(c.arg(0)).(*request)
	var input string
	if from == nil {
		input = c.usv(0)
	}
	init := c.requestInit(c.dict(1))
	r := &request{method: "GET", mode: "cors", credentials: "same-origin", cache: "default", redirect: "follow", referrer: "about:client"}
	list := []pair(nil)
	if from == nil {
		u, err := c.page.parse(input)
		if err != nil {
			panic(c.fail("Failed to parse URL from %s", input))
		}
		if u.Username() != "" || u.Password() != "" {
			panic(c.fail("Request cannot be constructed from a URL that includes credentials: %s", input))
		}
		r.url = u
	} else {
		*r = *from
		r.body = nil
		list = append(list, from.headers.list...)
	}
	c.applyInit(r, init)
	r.ownHeaders(c.realm, &headers{guard: guardRequest})
	if r.mode == "no-cors" {
		if !fetchrules.IsSafelistedMethod(r.method) {
			panic(c.fail("'%s' is unsupported in no-cors mode.", r.method))
		}
		r.headers.guard = guardNoCORS
	}
	if init.hasHeaders {
		list = init.headers
	}
	r.headers.fill(c, list)
	c.applyBody(r, from, init)
	c.applySignal(r, from, init)
	return r, init
}

func (c call) applyInit(r *request, init requestInit) {
	if init.window != nil && !goja.IsNull(init.window) {
		panic(c.fail("'window' can only be null"))
	}
	if init.any {
		r.referrer, r.referrerPolicy = "about:client", ""
	}
	if init.referrer != nil {
		r.referrer = c.referrer(init.referrer.String())
	}
	if init.referrerPolicy != nil {
		r.referrerPolicy = *init.referrerPolicy
	}
	if init.mode == "navigate" {
		panic(c.fail("Cannot construct a Request with a RequestInit whose mode member is set as 'navigate'."))
	}
	for _, m := range []struct {
		to   *string
		from string
	}{{&r.mode, init.mode}, {&r.credentials, init.credentials}, {&r.cache, init.cache}, {&r.redirect, init.redirect}, {&r.integrity, init.integrity}} {
		if m.from != "" {
			*m.to = m.from
		}
	}
	if r.cache == "only-if-cached" && r.mode != "same-origin" {
		panic(c.fail("'only-if-cached' can be set only with 'same-origin' mode"))
	}
	if init.keepalive != nil {
		r.keepalive = init.keepalive.ToBoolean()
	}
	if init.method != nil {
		r.method = c.normalMethod(init.method.String())
	}
}

// referrer returns the referrer of a request whose init has the member s: "" for no referrer, "about:client" for
// the page, or a URL of the page's origin.
func (c call) referrer(s string) string {
	if s == "" {
		return ""
	}
	u, err := c.page.parse(s)
	if err != nil {
		panic(c.fail("Referrer '%s' is not a valid URL.", s))
	}
	if u.Href(false) == "about:client" || weburl.OriginOf(u).String() != c.page.origin {
		return "about:client"
	}
	return u.Href(false)
}

func (c call) applyBody(r, from *request, init requestInit) {
	bodyless := r.method == "GET" || r.method == "HEAD"
	if bodyless && (init.hasBody || from != nil && from.body != nil) {
		panic(c.fail("Request with GET/HEAD method cannot have body."))
	}
	if init.hasBody {
		b, kind := c.extract(init.body, init.bodyObject, r.keepalive)
		if _, has := r.headers.get("content-type"); kind != "" && !has {
			r.headers.append(c, "Content-Type", kind)
		}
		if b.stream != nil {
			if init.duplex == "" {
				panic(c.fail("The `duplex` member must be specified for a request with a streaming body"))
			}
			if r.mode != "same-origin" && r.mode != "cors" {
				panic(c.fail("If request is made from ReadableStream, mode should be \"same-origin\" or \"cors\""))
			}
		}
		r.body = b
		return
	}
	if from == nil || from.body == nil {
		return
	}
	if from.body.unusable() {
		panic(c.fail("Cannot construct a Request with a Request object that has already been used."))
	}
	taken := *from.body
	r.body = &taken
	if taken.stream != nil {
		one, two := c.tee(taken.stream)
		c.handled(c.implOf(two).(*stream).stop(goja.Undefined()))
		r.body.object, r.body.stream = one, c.implOf(one).(*stream)
		from.body.stream.disturbed = true
	} else {
		from.body.consumed = true
	}
}

func (c call) applySignal(r, from *request, init requestInit) {
	var on []*abortSignal
	if s, ok := c.implOf(init.signal).(*abortSignal); ok {
		on = append(on, s)
	} else if from != nil && init.signal == nil {
		on = append(on, from.signal)
	}
	r.signal = c.dependentSignal(on)
}

// beacon returns the request for [navigator.Navigator.StartFetch], without its body.
func (r *request) beacon() *navigator.Request {
	return &navigator.Request{
		Method: r.method, URL: r.url.Href(false), Header: r.headers.header(),
		Mode: r.mode, Credentials: r.credentials, Redirect: r.redirect,
		Referrer: r.referrer, ReferrerPolicy: r.referrerPolicy, Keepalive: r.keepalive,
	}
}
