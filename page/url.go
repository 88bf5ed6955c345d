package page

import (
	"github.com/dop251/goja"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A urlObject is the slots of a URL.
type urlObject struct {
	url    *url.Url
	params *searchParams
	object *goja.Object // of params
}

// refresh gives the params what the URL's query says now.
func (u *urlObject) refresh() { u.params.list = parseURLEncoded(u.url.Query()) }

// defineURL is URL, "URL class".
func (rt *realm) defineURL() {
	build := func(parsed *url.Url) *urlObject {
		u := &urlObject{url: parsed, params: &searchParams{}}
		u.params.update = func() { u.url.SetSearch(urlEncode(u.params.list)) }
		u.object = rt.make("URLSearchParams", u.params)
		u.refresh()
		return u
	}
	i := rt.define("URL", "", 1, func(c call) any {
		parsed, err := c.urlArguments()
		if err != nil {
			panic(c.fail("Invalid URL"))
		}
		return build(parsed)
	})
	i.static("parse", 1, func(c call) any {
		parsed, err := c.urlArguments()
		if err != nil {
			return goja.Null()
		}
		return rt.make("URL", build(parsed))
	})
	i.static("canParse", 1, func(c call) any {
		_, err := c.urlArguments()
		return err == nil
	})
	attribute(i, "href", func(u *urlObject) any { return u.url.Href(false) }, func(u *urlObject, c call) {
		parsed, err := weburl.Parse(c.usv(0))
		if err != nil {
			panic(c.fail("Invalid URL"))
		}
		u.url = parsed
		u.refresh()
	})
	getter(i, "origin", func(u *urlObject) any { return weburl.OriginOf(u.url).String() })
	part := func(name string, get func(*url.Url) string, set func(*url.Url, string)) {
		attribute(i, name, func(u *urlObject) any { return get(u.url) }, func(u *urlObject, c call) {
			set(u.url, c.usv(0))
			if name == "search" {
				u.refresh()
			}
		})
	}
	part("protocol", (*url.Url).Protocol, (*url.Url).SetProtocol)
	part("username", (*url.Url).Username, (*url.Url).SetUsername)
	part("password", (*url.Url).Password, (*url.Url).SetPassword)
	part("host", (*url.Url).Host, (*url.Url).SetHost)
	part("hostname", (*url.Url).Hostname, (*url.Url).SetHostname)
	part("port", (*url.Url).Port, (*url.Url).SetPort)
	part("pathname", (*url.Url).Pathname, (*url.Url).SetPathname)
	part("search", (*url.Url).Search, (*url.Url).SetSearch)
	getter(i, "searchParams", func(u *urlObject) any { return u.object })
	part("hash", (*url.Url).Hash, (*url.Url).SetHash)
	href := func(u *urlObject, _ call) any { return u.url.Href(false) }
	method(i, "toString", 0, href)
	method(i, "toJSON", 0, href)
}

// urlArguments parses the argument url, against base if it is given.
func (c call) urlArguments() (*url.Url, error) {
	s := c.usv(0)
	if !c.given(1) {
		return weburl.Parse(s)
	}
	base, err := weburl.Parse(c.usv(1))
	if err != nil {
		return nil, err
	}
	return base.Parse(s)
}
