package page

import (
	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
)

// Enable gives somebody's own runtime navigator.sendBeacon, and what it lacks of Blob,
// File, FormData, URLSearchParams, URL, TextEncoder, ReadableStream and DOMException. A
// navigator that is there gets the method. There is no page: nothing is fetched, and
// nothing needs an event loop. Only the interfaces that Enable made are known to
// sendBeacon; another's Blob is sent as its string.
//
// It is to be called before any script has run, and by the goroutine that runs them.
func Enable(runtime *goja.Runtime, n *beacon.Navigator) error {
	if n == nil {
		n = new(beacon.Navigator)
	}
	rt, err := newRealm(runtime, n)
	if err != nil {
		return err
	}
	if ex := runtime.Try(func() { rt.enable() }); ex != nil {
		return ex
	}
	return nil
}

func (rt *realm) enable() {
	global := rt.r.GlobalObject()
	keep := map[string]goja.Value{}
	for _, name := range global.GetOwnPropertyNames() {
		keep[name] = nil
	}
	rt.missing = func(name string) bool { _, has := keep[name]; return !has }
	rt.defineDOMException()
	rt.defineData()
	there, ok := rt.r.Get("navigator").(*goja.Object)
	made := rt.defineNavigator()
	if !ok {
		rt.global("navigator", made)
		return
	}
	fn := rt.function("sendBeacon", 1, func(_ goja.Value, args []goja.Value) goja.Value {
		c := call{rt, "execute 'sendBeacon' on 'Navigator'", there, args}
		c.need(1)
		return rt.value(c.sendBeacon())
	})
	must(there.DefineDataProperty("sendBeacon", fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
}
