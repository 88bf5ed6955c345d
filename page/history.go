package page

import (
	"github.com/dop251/goja"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A history is the slots of a History: the entries' number and the state of the current
// one, as nothing goes back to the others.
type history struct {
	length int
	state  goja.Value
}

// push adds an entry.
func (h *history) push(state goja.Value) {
	h.length = min(h.length+1, 50) // as many as browsers keep
	h.state = state
}

// defineHistory is HTML, "The History interface". There is no traversal.
func (rt *realm) defineHistory() {
	p := rt.page
	i := rt.define("History", "", 0, nil)
	p.history = &history{length: 1, state: goja.Null()}
	o := rt.make("History", p.history)
	getter(i, "length", func(h *history) any { return h.length })
	getter(i, "state", func(h *history) any { return h.state })
	method(i, "pushState", 2, func(h *history, c call) any { h.push(c.historyUpdate()); return nil })
	method(i, "replaceState", 2, func(h *history, c call) any { h.state = c.historyUpdate(); return nil })
	for _, name := range []string{"go", "back", "forward"} {
		method(i, name, 0, func(*history, call) any {
			p.console("warn", "not gone through the history: this page stays where it is")
			return nil
		})
	}
	attributeOn(rt.ifaces["Window"], p.window.object, "history", func(*window) any { return o }, nil)
	rt.eventKind("PopStateEvent", member{"state", goja.Null(), toAny})
	rt.eventKind("HashChangeEvent", member{"newURL", "", toDOM}, member{"oldURL", "", toDOM})
}

// historyUpdate is HTML, "shared history push/replace state steps", and returns the state.
func (c call) historyUpdate() goja.Value {
	p := c.page
	to, given := "", c.given(2) && !goja.IsNull(c.arg(2))
	c.dom(1)
	if given {
		to = c.usv(2)
	}
	state := c.structuredClone(c.arg(0), nil)
	if to == "" {
		return state
	}
	u, err := p.parse(to)
	if err != nil || !canBecome(p.address, u) {
		panic(c.domError("SecurityError", "Failed to %s: a document at '%s' cannot have the URL '%s'.", c.what, p.address.Href(false), to))
	}
	p.move(u)
	return state
}

// canBecome is HTML, "can have its URL rewritten".
func canBecome(from, to *url.Url) bool {
	switch {
	case from.Scheme() != to.Scheme() || from.Username() != to.Username() || from.Password() != to.Password() || from.Host() != to.Host():
		return false
	case weburl.IsHTTP(to):
		return true
	case to.Scheme() == "file":
		return from.Pathname() == to.Pathname()
	}
	return from.Pathname() == to.Pathname() && from.Search() == to.Search()
}
