package page

import (
	"errors"
	"runtime"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
)

// A navigatorObject marks the object of the interface Navigator. It needs no slots.
type navigatorObject struct{}

// defineNavigator defines the interface Navigator and returns its object (HTML, "The Navigator object"; Beacon,
// "sendBeacon() method").
func (rt *realm) defineNavigator() *goja.Object {
	agent := rt.agent
	i := rt.define("Navigator", "", 0, nil)
	for name, v := range map[string]any{
		"userAgent": agent, "appCodeName": "Mozilla", "appName": "Netscape", "appVersion": agent, "product": "Gecko",
		"platform": runtime.GOOS, "vendor": "", "language": "en", "languages": rt.languages("en"), "onLine": true,
		"cookieEnabled":       rt.cookies,
		"hardwareConcurrency": runtime.NumCPU(), "webdriver": false,
	} {
		getter(i, name, func(*navigatorObject) any { return v })
	}
	method(i, "sendBeacon", 1, func(_ *navigatorObject, c call) any { return c.sendBeacon() })
	return rt.make("Navigator", &navigatorObject{})
}

func (rt *realm) languages(names ...any) *goja.Object { return rt.r.NewArray(names...) }

// sendBeacon is the method of the object (Beacon, "Processing Model"). WebIDL converts url before data.
func (c call) sendBeacon() bool {
	url := c.usv(0)
	var data any
	if v := c.arg(1); !goja.IsUndefined(v) && !goja.IsNull(v) {
		data = c.beaconData(c.bodyInit(v))
	}
	queued, err := c.send(url, data)
	var typeError *beacon.TypeError
	if errors.As(err, &typeError) {
		panic(c.fail("%s", typeError.Reason))
	}
	if c.page != nil && c.page.options.Sent != nil {
		c.page.options.Sent(url, bodySize(data), queued)
	}
	return queued
}

func bodySize(data any) int {
	switch v := data.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case beacon.URLEncoded:
		return len(v)
	case beacon.Blob:
		return len(v.Data)
	}
	return 0
}

// beaconData returns a body as a type that SendBeacon takes.
func (c call) beaconData(init any) any {
	switch v := init.(type) {
	case string, []byte:
		return v
	case *blob:
		return beacon.Blob{Data: v.data, Type: v.kind}
	case *searchParams:
		// With a Blob the Content-Type would be in lower case.
		return beacon.URLEncoded(urlEncode(v.list))
	}
	b, kind := c.extract(init, nil, true)
	return beacon.Blob{Data: b.data, Type: kind}
}
