package page

import (
	"errors"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// Enable defines navigator.sendBeacon in a runtime, without a page: URLs are absolute, scripts can't fetch, and no
// event loop is needed. It adds the method to a navigator that exists. It also defines Blob, File, FormData,
// URLSearchParams, URL, TextEncoder, ReadableStream and DOMException, unless the runtime has a global of that name.
// sendBeacon sends objects of the runtime's own interfaces as strings.
//
// A body has at most [navigator.MaxBody] bytes. send sends the beacons, such as [beacon.Send] or a Sender's. If it
// returns a [*beacon.TypeError], sendBeacon throws, and after another error it returns false: only send can log the
// reason.
//
// Call Enable before the first script runs, in the goroutine that runs the scripts.
func Enable(runtime *goja.Runtime, send func(url string, data any) error) error {
	rt, err := newRealm(runtime)
	if err != nil {
		return err
	}
	rt.agent = defaultAgent
	rt.send = func(url string, data any) (bool, error) {
		if bodySize(data) > navigator.MaxBody {
			return false, nil
		}
		err := send(url, data)
		if typeError := (*beacon.TypeError)(nil); errors.As(err, &typeError) {
			return false, err
		}
		return err == nil, nil
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
