package page

import "github.com/nlnwa/whatwg-url/url"

// A frozenBase is HTML, "frozen base URL", of the base element that counts.
type frozenBase struct {
	element *element
	url     *url.Url // nil stands for the fallback
}

// fallbackBase is HTML, "fallback base URL".
func (p *Page) fallbackBase() *url.Url {
	if p.said != nil {
		return p.said
	}
	return p.address
}

// baseChanged is for where a subtree came to the document, left it or has another href: the
// first base element with an href counts.
func (p *Page) baseChanged(at *node) {
	isBase := func(e *element) bool { return e.name == "base" }
	if at.first(isBase) == nil {
		return
	}
	first := p.document.first(func(e *element) bool { return isBase(e) && e.index("href") >= 0 })
	if first == p.frozen.element && (first == nil || &first.node != at) {
		return
	}
	p.frozen = frozenBase{element: first}
	if first != nil {
		u, err := p.fallbackBase().Parse(first.attribute("href"))
		if err == nil && u.Scheme() != "data" && u.Scheme() != "javascript" {
			p.frozen.url = u
		}
	}
	p.rebase()
}

// rebase is HTML, "document base URL", for all that has one.
func (p *Page) rebase() {
	if p.base = p.frozen.url; p.base == nil {
		p.base = p.fallbackBase()
	}
	p.nav.Page.Move(p.address.Href(false), p.base.Href(false))
}
