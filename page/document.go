package page

import (
	"strings"

	"github.com/dop251/goja"
)

// A document is the slots of the Document.
type document struct {
	node
	ready  string // its readiness
	hidden bool
	title  string
}

func (d *document) visibility() string {
	if d.hidden {
		return "hidden"
	}
	return "visible"
}

// defineDocument is what HTML and DOM say of a Document that is never rendered.
func (rt *realm) defineDocument() {
	p := rt.page
	i := rt.define("Document", "Node", 0, nil)
	d := &document{ready: "loading"}
	d.object = rt.make("Document", d)
	d.parent = &p.window.eventTarget
	p.document = d
	text := func(name string, get func() string) {
		getter(i, name, func(*document) any { return get() })
	}
	text("URL", func() string { return p.address.Href(false) })
	text("documentURI", func() string { return p.address.Href(false) })
	text("baseURI", func() string { return p.base.Href(false) })
	text("referrer", func() string { return p.options.Referrer })
	text("readyState", func() string { return d.ready })
	text("visibilityState", d.visibility)
	text("contentType", func() string { return "text/html" })
	text("characterSet", func() string { return "UTF-8" })
	text("compatMode", func() string { return "CSS1Compat" })
	getter(i, "hidden", func(d *document) any { return d.hidden })
	getter(i, "defaultView", func(*document) any { return p.window.object })
	attributeOn(i, d.object, "location", func(*document) any { return rt.r.Get("location") }, func(_ *document, c call) { c.navigateTo(c.usv(0)) })
	method(i, "hasFocus", 0, func(d *document, _ call) any { return !d.hidden })
	method(i, "createElement", 1, func(_ *document, c call) any { return c.createElement() })
	method(i, "createTextNode", 1, func(_ *document, c call) any { return rt.newText(c.dom(0).String()).object })
	method(i, "getElementById", 1, func(d *document, c call) any {
		id := c.dom(0).String()
		return elementOrNull(d.first(func(e *element) bool { return id != "" && e.attribute("id") == id }))
	})
	parentMethods[*document](i)
	getter(i, "documentElement", func(d *document) any { return elementOrNull(d.child()) })
	inRoot := func(name string) {
		getter(i, name, func(d *document) any {
			root := d.child("html")
			if root == nil {
				return goja.Null()
			}
			return elementOrNull(root.child(name))
		})
	}
	inRoot("head")
	inRoot("body")
	getter(i, "currentScript", func(*document) any { return goja.Null() }) // no element is a script's
	attribute(i, "title", func(d *document) any { return strings.Join(strings.Fields(d.title), " ") }, func(d *document, c call) { d.title = c.dom(0).String() })
	handlers[*document](i, i.proto, "click", "readystatechange", "securitypolicyviolation", "visibilitychange")
}

// definePerformance is High Resolution Time, "The Performance interface".
func (rt *realm) definePerformance() *goja.Object {
	type performance struct{ eventTarget }
	i := rt.define("Performance", "EventTarget", 0, nil)
	origin := func(*performance) any { return float64(rt.page.began.UnixMicro()) / 1000 }
	getter(i, "timeOrigin", origin)
	method(i, "now", 0, func(*performance, call) any { return rt.now() })
	method(i, "toJSON", 0, func(p *performance, _ call) any {
		o := rt.r.NewObject()
		must(o.Set("timeOrigin", origin(p)))
		return o
	})
	p := &performance{}
	p.object = rt.make("Performance", p)
	return p.object
}
