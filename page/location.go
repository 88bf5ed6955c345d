package page

import (
	"strings"

	"github.com/dop251/goja"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// move gives the document another URL, of its own origin.
func (p *Page) move(to *url.Url) {
	p.address = to
	p.rebase()
}

// navigate is HTML, "navigate", of which a page here does the fragments alone.
func (p *Page) navigate(to *url.Url) {
	if to.Href(true) != p.address.Href(true) || !hasFragment(to) {
		p.console("warn", "not gone to "+to.Href(false)+": this page stays where it is")
		return
	}
	from := p.address.Href(false)
	if to.Href(false) == from {
		return
	}
	p.move(to)
	p.history.push(goja.Null())
	p.event(&p.window.eventTarget, "PopStateEvent", "popstate", false, map[string]goja.Value{"state": goja.Null()})
	p.later(func() {
		p.event(&p.window.eventTarget, "HashChangeEvent", "hashchange", false, map[string]goja.Value{
			"newURL": p.realm.value(to.Href(false)), "oldURL": p.realm.value(from),
		})
	})
}

// later queues a task of the page's own.
func (p *Page) later(f func()) { p.loop.post(func() { p.task(f) }) }

func hasFragment(u *url.Url) bool { return strings.Contains(u.Href(false), "#") }

// navigateTo is what the setters of a Location do with a URL.
func (c call) navigateTo(s string) {
	to, err := c.page.parse(s)
	if err != nil {
		panic(c.domError("SyntaxError", "Failed to %s: '%s' is not a valid URL.", c.what, s))
	}
	c.page.navigate(to)
}

// defineLocation is HTML, "The Location interface".
func (rt *realm) defineLocation() *goja.Object {
	type location struct{}
	p := rt.page
	i := rt.define("Location", "", 0, nil)
	o := rt.make("Location", &location{})
	href := func(*location) any { return p.address.Href(false) }
	attributeOn(i, o, "href", href, func(_ *location, c call) { c.navigateTo(c.usv(0)) })
	for name, part := range map[string]struct {
		get func(*url.Url) string
		set func(*url.Url, string)
	}{
		"protocol": {(*url.Url).Protocol, (*url.Url).SetProtocol}, "host": {(*url.Url).Host, (*url.Url).SetHost},
		"hostname": {(*url.Url).Hostname, (*url.Url).SetHostname}, "port": {(*url.Url).Port, (*url.Url).SetPort},
		"pathname": {(*url.Url).Pathname, (*url.Url).SetPathname}, "search": {(*url.Url).Search, (*url.Url).SetSearch},
		"hash": {(*url.Url).Hash, (*url.Url).SetHash},
	} {
		attributeOn(i, o, name, func(*location) any { return part.get(p.address) }, func(_ *location, c call) {
			to, _ := weburl.Parse(p.address.Href(false))
			part.set(to, c.usv(0))
			if name != "hash" || to.Hash() != p.address.Hash() {
				p.navigate(to)
			}
		})
	}
	attributeOn(i, o, "origin", func(*location) any { return weburl.OriginOf(p.address).String() }, nil)
	for _, name := range []string{"assign", "replace"} {
		method(i, name, 1, func(_ *location, c call) any { c.navigateTo(c.usv(0)); return nil })
	}
	method(i, "reload", 0, func(*location, call) any {
		p.console("warn", "not loaded again: this page stays where it is")
		return nil
	})
	method(i, "toString", 0, func(*location, call) any { return p.address.Href(false) })
	return o
}
