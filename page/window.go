package page

import (
	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A window is the slots of the global object.
type window struct{ eventTarget }

func (w *window) events() *eventTarget { return &w.eventTarget }

// definePage makes all that a page has.
func (rt *realm) definePage() {
	rt.defineDOMException()
	rt.defineEventTarget()
	rt.defineEvent()
	rt.defineAbort()
	rt.defineData()
	rt.defineTextDecoder()
	rt.defineHeaders()
	rt.defineRequest()
	rt.defineResponse()
	rt.defineWindow()
	rt.defineNodes()
	rt.defineDocument()
	rt.defineElements()
	rt.defineHistory()
	rt.defineViolations()
	rt.defineStructuredClone()
	rt.defineTimers()
	rt.defineFetch()
	rt.defineCrypto()
	rt.defineBase64()
	rt.defineConsole()
}

// defineData makes what a beacon can be made of.
func (rt *realm) defineData() {
	for _, d := range []struct {
		name   string
		define func()
	}{
		{"ReadableStream", rt.defineReadableStream},
		{"Blob", rt.defineBlob},
		{"File", rt.defineFile},
		{"FormData", rt.defineFormData},
		{"URLSearchParams", rt.defineURLSearchParams},
		{"URL", rt.defineURL},
		{"TextEncoder", rt.defineTextEncoder},
	} {
		d.define()
	}
}

// defineWindow is HTML, "The Window object": its attributes are the global object's own.
func (rt *realm) defineWindow() {
	p, global := rt.page, rt.r.GlobalObject()
	i := rt.define("Window", "EventTarget", 0, nil)
	p.window = &window{eventTarget{object: global}}
	rt.stamp(global, p.window)
	must(global.SetPrototype(i.proto))
	must(global.DeleteSymbol(goja.SymToStringTag)) // goja's own says "global"

	navigator := rt.defineNavigator()
	location := rt.defineLocation()
	performance := rt.definePerformance()
	readonly := func(name string, get func() any) {
		attributeOn(i, global, name, func(*window) any { return get() }, nil)
	}
	readonly("window", func() any { return global })
	readonly("document", func() any { return p.document.object })
	readonly("navigator", func() any { return navigator })
	readonly("clientInformation", func() any { return navigator })
	readonly("isSecureContext", func() any { return weburl.Trustworthy(p.address) })
	readonly("closed", func() any { return false })
	attributeOn(i, global, "location", func(*window) any { return location }, func(_ *window, c call) {
		c.navigateTo(c.usv(0))
	})
	for name, v := range map[string]any{"self": global, "frames": global, "parent": global, "top": global, "performance": performance, "origin": p.origin} {
		attributeOn(i, global, name, func(*window) any { return v }, func(_ *window, c call) {
			// [Replaceable]
			must(global.DefineDataProperty(name, c.arg(0), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
		})
	}
	handlers[*window](i, global, "beforeunload", "error", "hashchange", "load", "message", "offline", "online", "pagehide", "pageshow",
		"popstate", "rejectionhandled", "securitypolicyviolation", "unhandledrejection", "unload")
}

// operation defines an operation of the window.
func (rt *realm) operation(name string, length int, f func(c call) any) {
	what := "execute '" + name + "' on 'Window'"
	fn := rt.function(name, length, func(_ goja.Value, args []goja.Value) goja.Value {
		c := call{rt, what, nil, args}
		c.need(length)
		return rt.value(f(c))
	})
	must(rt.r.GlobalObject().DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}
