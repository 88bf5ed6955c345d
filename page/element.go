package page

import (
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// An element is the slots of an Element.
type element struct {
	node
	name       string // its local name
	attributes []pair
}

func (e *element) index(name string) int {
	return slices.IndexFunc(e.attributes, func(a pair) bool { return a.name == name })
}

func (e *element) attribute(name string) string {
	if n := e.index(name); n >= 0 {
		return e.attributes[n].value
	}
	return ""
}

func (rt *realm) setAttribute(e *element, name, value string) {
	if n := e.index(name); n >= 0 {
		e.attributes[n].value = value
	} else {
		e.attributes = append(e.attributes, pair{name, value})
	}
	if name == "href" {
		rt.page.baseChanged(&e.node)
	}
}

func (rt *realm) newElement(name string) *element {
	iface := "HTMLElement"
	switch name {
	case "a":
		iface = "HTMLAnchorElement"
	case "base":
		iface = "HTMLBaseElement"
	}
	e := &element{name: name}
	e.element = e
	e.object = rt.make(iface, e)
	return e
}

// createElement makes an element of any name; that of an interface which this page does
// not have is an HTMLElement.
func (c call) createElement() *goja.Object {
	name := c.dom(0).String()
	if !isElementName(name) {
		panic(c.domError("InvalidCharacterError", "Failed to %s: '%s' is not a name that an element can have.", c.what, name))
	}
	return c.newElement(strings.ToLower(name)).object
}

// isElementName is DOM, "valid element local name".
func isElementName(s string) bool {
	if s == "" {
		return false
	}
	if c := s[0] | 0x20; 'a' <= c && c <= 'z' {
		return !strings.ContainsAny(s, "\t\n\f\r \x00/>")
	}
	for i, c := range s {
		switch {
		case c == ':' || c == '_' || c >= 0x80:
		case i > 0 && ('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return true
}

// defineElements is what DOM and HTML say of elements that are not rendered.
func (rt *realm) defineElements() {
	i := rt.define("Element", "Node", 0, nil)
	getter(i, "localName", func(e *element) any { return e.name })
	getter(i, "tagName", func(e *element) any { return strings.ToUpper(e.name) })
	lower := func(c call) string { return strings.ToLower(c.dom(0).String()) }
	method(i, "getAttribute", 1, func(e *element, c call) any {
		if n := e.index(lower(c)); n >= 0 {
			return e.attributes[n].value
		}
		return goja.Null()
	})
	method(i, "hasAttribute", 1, func(e *element, c call) any { return e.index(lower(c)) >= 0 })
	method(i, "setAttribute", 2, func(e *element, c call) any {
		rt.setAttribute(e, lower(c), c.dom(1).String())
		return nil
	})
	method(i, "removeAttribute", 1, func(e *element, c call) any {
		name := lower(c)
		e.attributes = slices.DeleteFunc(e.attributes, func(a pair) bool { return a.name == name })
		if name == "href" {
			rt.page.baseChanged(&e.node)
		}
		return nil
	})
	method(i, "remove", 0, func(e *element, _ call) any { rt.remove(&e.node); return nil })
	parentMethods[*element](i)
	reflect := func(i *iface, names map[string]string) {
		for name, attr := range names {
			attribute(i, name, func(e *element) any { return e.attribute(attr) }, func(e *element, c call) { rt.setAttribute(e, attr, c.usv(0)) })
		}
	}
	reflect(i, map[string]string{"id": "id", "className": "class"})

	i = rt.define("HTMLElement", "Element", 0, nil)
	method(i, "click", 0, func(e *element, _ call) any {
		click := rt.newTrusted("Event", "click", nil)
		click.trusted, click.bubbles, click.cancelable, click.composed = false, true, true, true
		if e.dispatch(rt, click) && e.name == "a" {
			rt.page.followHyperlink(e)
		}
		return nil
	})
	handlers[*element](i, i.proto, "click")

	href := func(e *element) any {
		if u, err := rt.page.parse(e.attribute("href")); err == nil && e.index("href") >= 0 {
			return u.Href(false)
		}
		return e.attribute("href")
	}
	i = rt.define("HTMLAnchorElement", "HTMLElement", 0, nil)
	attribute(i, "href", href, func(e *element, c call) { rt.setAttribute(e, "href", c.usv(0)) })
	method(i, "toString", 0, func(e *element, _ call) any { return href(e) })
	reflect(i, map[string]string{"ping": "ping", "rel": "rel", "target": "target", "referrerPolicy": "referrerpolicy"})

	i = rt.define("HTMLBaseElement", "HTMLElement", 0, nil)
	attribute(i, "href", func(e *element) any {
		if u, err := rt.page.fallbackBase().Parse(e.attribute("href")); err == nil {
			return u.Href(false)
		}
		return e.attribute("href")
	}, func(e *element, c call) { rt.setAttribute(e, "href", c.usv(0)) })
	reflect(i, map[string]string{"target": "target"})

	html := rt.newElement("html")
	for _, n := range []struct {
		up *node
		e  *element
	}{{&rt.page.document.node, html}, {&html.node, rt.newElement("head")}, {&html.node, rt.newElement("body")}} {
		n.up.children = append(n.up.children, &n.e.node)
		n.e.up, n.e.parent = n.up, &n.up.eventTarget
	}
}
