package page

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// A response has the slots of a Response.
type response struct {
	kind, url, statusText string
	redirected            bool
	status                int
	headers               *headers
	headersObject         *goja.Object
	body                  *body
}

func (r *response) content() *body { return r.body }
func (r *response) contentType() string {
	v, _ := r.headers.get("content-type")
	return v
}

func (r *response) own(rt *realm, g guard, list []pair) *response {
	r.headers = &headers{list, g}
	r.headersObject = rt.make("Headers", r.headers)
	return r
}

// defineResponse defines the interface Response (Fetch, "Response class").
func (rt *realm) defineResponse() {
	i := rt.define("Response", "", 0, func(c call) any {
		var data any
		hasBody := c.given(0) && !goja.IsNull(c.arg(0))
		if hasBody {
			data = rt.bodyInit(c.arg(0))
		}
		init := c.responseInit(c.dict(1))
		r := (&response{kind: "default"}).own(rt, guardResponse, nil)
		if hasBody {
			b, kind := c.extract(data, c.arg(0), false)
			c.initialize(r, init, b, kind)
		} else {
			c.initialize(r, init, nil, "")
		}
		return r
	})
	i.static("error", 0, func(call) any {
		return rt.make("Response", (&response{kind: "error"}).own(rt, guardImmutable, nil))
	})
	i.static("redirect", 1, func(c call) any {
		to, status := c.usv(0), 302
		if c.given(1) {
			status = int(uint16(c.integer(c.arg(1), 16)))
		}
		u, err := c.page.parse(to)
		if err != nil {
			panic(c.fail("Invalid URL"))
		}
		if !fetchrules.IsRedirectStatus(status) {
			panic(rt.newRangeError("Failed to %s: Invalid status code", c.what))
		}
		return rt.make("Response", (&response{kind: "default", status: status}).own(rt, guardImmutable, []pair{{"Location", u.Href(false)}}))
	})
	i.static("json", 1, func(c call) any {
		text := rt.stringify(goja.Undefined(), c.arg(0))
		if goja.IsUndefined(text) {
			panic(c.fail("The data is not JSON serializable"))
		}
		r := (&response{kind: "default"}).own(rt, guardResponse, nil)
		c.initialize(r, c.responseInit(c.dict(1)), &body{data: []byte(text.String())}, "application/json")
		return rt.make("Response", r)
	})
	getter(i, "type", func(r *response) any { return r.kind })
	getter(i, "url", func(r *response) any { return r.url })
	getter(i, "redirected", func(r *response) any { return r.redirected })
	getter(i, "status", func(r *response) any { return r.status })
	getter(i, "ok", func(r *response) any { return r.status >= 200 && r.status <= 299 })
	getter(i, "statusText", func(r *response) any { return rt.latin(r.statusText) })
	getter(i, "headers", func(r *response) any { return r.headersObject })
	defineBody[*response](i)
	method(i, "clone", 0, func(r *response, c call) any {
		clone := *r
		clone.body = c.cloneBody(r.body, i.name)
		return rt.make("Response", clone.own(rt, r.headers.guard, append([]pair(nil), r.headers.list...)))
	})
}

type responseInit struct {
	headers    []pair
	status     int
	statusText string
}

func (c call) responseInit(d dict) responseInit {
	r := responseInit{status: 200}
	if v := d.get("headers"); v != nil {
		r.headers = c.headersInit(v)
	}
	if v := d.get("status"); v != nil {
		r.status = int(uint16(c.integer(v, 16)))
	}
	if v := d.get("statusText"); v != nil {
		r.statusText = c.byteString(v)
	}
	return r
}

// initialize sets a response's status, header and body (Fetch, "initialize a response").
func (c call) initialize(r *response, init responseInit, b *body, kind string) {
	if init.status < 200 || init.status > 599 {
		panic(c.newRangeError("Failed to %s: The status provided (%d) is outside the range [200, 599].", c.what, init.status))
	}
	if strings.IndexFunc(init.statusText, func(ch rune) bool { return ch < 0x20 && ch != '\t' || ch == 0x7f }) >= 0 {
		panic(c.fail("Invalid statusText"))
	}
	r.status, r.statusText = init.status, init.statusText
	r.headers.fill(c, init.headers)
	if b == nil {
		return
	}
	if fetchrules.IsNullBodyStatus(r.status) {
		panic(c.fail("Response with null body status cannot have body"))
	}
	r.body = b
	if _, has := r.headers.get("content-type"); kind != "" && !has {
		r.headers.append(c, "Content-Type", kind)
	}
}

// newResponse returns an answer as a Response.
func (rt *realm) newResponse(from *navigator.Response) *goja.Object {
	r := &response{kind: from.Type, url: from.URL, redirected: from.Redirected, status: from.Status, statusText: from.StatusText}
	var list []pair
	for name, values := range from.Header {
		for _, v := range values {
			list = append(list, pair{name, v})
		}
	}
	if !fetchrules.IsNullBodyStatus(from.Status) && !strings.HasPrefix(from.Type, "opaque") {
		r.body = &body{data: append([]byte{}, from.Body...)}
	}
	return rt.make("Response", r.own(rt, guardImmutable, list))
}
