package page

import (
	"net/http"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon"
)

// An element is the slots of an a element, the only one that a page here can have.
type element struct {
	eventTarget
	attributes []pair
}

func (e *element) events() *eventTarget { return &e.eventTarget }

func (e *element) index(name string) int {
	return slices.IndexFunc(e.attributes, func(a pair) bool { return a.name == name })
}

func (e *element) attribute(name string) string {
	if n := e.index(name); n >= 0 {
		return e.attributes[n].value
	}
	return ""
}

func (e *element) setAttribute(name, value string) {
	if n := e.index(name); n >= 0 {
		e.attributes[n].value = value
	} else {
		e.attributes = append(e.attributes, pair{name, value})
	}
}

func (c call) createElement() *goja.Object {
	if name := c.dom(0).String(); !strings.EqualFold(name, "a") {
		panic(c.domError("NotSupportedError", "Failed to %s: this page renders nothing, and has no element but 'a', which '%s' is not.", c.what, name))
	}
	e := &element{}
	e.object = c.make("HTMLAnchorElement", e)
	return e.object
}

// defineElements is what DOM and HTML say of an a element.
func (rt *realm) defineElements() {
	i := rt.define("Element", "EventTarget", 0, nil)
	getter(i, "localName", func(*element) any { return "a" })
	getter(i, "tagName", func(*element) any { return "A" })
	lower := func(c call) string { return strings.ToLower(c.dom(0).String()) }
	method(i, "getAttribute", 1, func(e *element, c call) any {
		if n := e.index(lower(c)); n >= 0 {
			return e.attributes[n].value
		}
		return goja.Null()
	})
	method(i, "hasAttribute", 1, func(e *element, c call) any { return e.index(lower(c)) >= 0 })
	method(i, "setAttribute", 2, func(e *element, c call) any { e.setAttribute(lower(c), c.dom(1).String()); return nil })
	method(i, "removeAttribute", 1, func(e *element, c call) any {
		name := lower(c)
		e.attributes = slices.DeleteFunc(e.attributes, func(a pair) bool { return a.name == name })
		return nil
	})
	i = rt.define("HTMLElement", "Element", 0, nil)
	method(i, "click", 0, func(e *element, _ call) any {
		click := rt.newTrusted("Event", "click", nil)
		click.trusted, click.bubbles, click.cancelable, click.composed = false, true, true, true
		if e.dispatch(rt, click) {
			rt.followHyperlink(e)
		}
		return nil
	})
	handlers[*element](i, i.proto, "click")
	i = rt.define("HTMLAnchorElement", "HTMLElement", 0, nil)
	href := func(e *element) any {
		if u, err := rt.page.parse(e.attribute("href")); err == nil && e.index("href") >= 0 {
			return u.Href(false)
		}
		return e.attribute("href")
	}
	attribute(i, "href", href, func(e *element, c call) { e.setAttribute("href", c.usv(0)) })
	method(i, "toString", 0, func(e *element, _ call) any { return href(e) })
	for name, attr := range map[string]string{"ping": "ping", "rel": "rel", "target": "target", "referrerPolicy": "referrerpolicy"} {
		attribute(i, name, func(e *element) any { return e.attribute(attr) }, func(e *element, c call) { e.setAttribute(attr, c.usv(0)) })
	}
}

// followHyperlink is HTML, "follow the hyperlink", of which a page here does the pings
// alone.
func (rt *realm) followHyperlink(e *element) {
	if e.index("href") < 0 {
		return
	}
	to, err := rt.page.parse(e.attribute("href"))
	if err != nil {
		return
	}
	for _, target := range strings.FieldsFunc(e.attribute("ping"), func(r rune) bool { return strings.ContainsRune("\t\n\f\r ", r) }) {
		if u, err := rt.page.parse(target); err == nil && (u.Scheme() == "http" || u.Scheme() == "https") {
			rt.page.ping(u, to)
		}
	}
	rt.navigate(to.Href(false))
}

// ping is HTML, "hyperlink auditing".
func (p *Page) ping(target, to *url.Url) {
	header := http.Header{"Content-Type": {"text/ping"}}
	same := originOf(target) == p.origin
	if same || p.address.Scheme() != "https" {
		header.Set("Ping-From", p.address.Href(false))
	}
	header.Set("Ping-To", to.Href(false))
	p.start(p.fetches.lasting, &beacon.Request{
		Method: "POST", URL: target.Href(false), Header: header, Body: []byte("PING"),
		Mode: "no-cors", Credentials: "include", ReferrerPolicy: "no-referrer", Keepalive: true, Initiator: "ping",
	}, nil)
}
