package page

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/fetchrules"
)

// A requestInit is Fetch, "RequestInit", converted in the order of its members' names.
// An empty string is a member that is not there.
type requestInit struct {
	any, hasBody               bool
	body                       any
	bodyObject                 goja.Value
	activateAfter              goja.Value
	cache, credentials, duplex string
	headers                    []pair
	hasHeaders                 bool
	integrity                  string
	keepalive                  goja.Value
	method                     goja.Value
	mode, redirect             string
	referrer                   goja.Value
	referrerPolicy             *string
	signal                     goja.Value // null is none
	window                     goja.Value
}

func (c call) requestInit(d dict) (r requestInit) {
	if d.o == nil {
		return r
	}
	read := func(name string) goja.Value {
		v := d.get(name)
		r.any = r.any || v != nil
		return v
	}
	enum := func(name string, values ...string) string {
		s := d.enum(name, "", values...)
		r.any = r.any || s != ""
		return s
	}
	if strings.Contains(c.what, "fetchLater") {
		// A member of the inheriting dictionary is converted after those of its parent.
		defer func() {
			if r.activateAfter = d.get("activateAfter"); r.activateAfter != nil {
				r.activateAfter = c.value(c.number(r.activateAfter))
			}
		}()
	}
	if v := read("body"); v != nil && !goja.IsNull(v) {
		r.hasBody, r.bodyObject, r.body = true, v, c.bodyInit(v)
	}
	r.cache = enum("cache", "default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached")
	r.credentials = enum("credentials", "omit", "same-origin", "include")
	r.duplex = enum("duplex", "half")
	if v := read("headers"); v != nil {
		r.headers, r.hasHeaders = c.headersInit(v), true
	}
	if v := read("integrity"); v != nil {
		r.integrity = c.toString(v).String()
	}
	if v := read("keepalive"); v != nil {
		r.keepalive = c.value(v.ToBoolean())
	}
	if v := read("method"); v != nil {
		r.method = c.value(c.byteString(v))
	}
	r.mode = enum("mode", "navigate", "same-origin", "no-cors", "cors")
	enum("priority", "high", "low", "auto")
	r.redirect = enum("redirect", "follow", "error", "manual")
	if v := read("referrer"); v != nil {
		r.referrer = c.value(c.toString(v).String())
	}
	if v := read("referrerPolicy"); v != nil {
		policy := d.enum("referrerPolicy", "", fetchrules.ReferrerPolicies...)
		r.referrerPolicy = &policy
	}
	if r.signal = read("signal"); r.signal != nil && !goja.IsNull(r.signal) {
		if _, ok := c.implOf(r.signal).(*abortSignal); !ok {
			panic(c.fail("member signal is not of type AbortSignal."))
		}
	}
	r.window = read("window")
	return r
}

// normalMethod checks and normalises a method.
func (c call) normalMethod(m string) string {
	if !fetchrules.IsToken(m) {
		panic(c.fail("'%s' is not a valid HTTP method.", m))
	}
	if fetchrules.IsForbiddenMethod(m) {
		panic(c.fail("'%s' HTTP method is unsupported.", m))
	}
	return fetchrules.NormalizeMethod(m)
}
