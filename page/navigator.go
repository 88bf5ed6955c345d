package page

import (
	"errors"
	"runtime"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
)

// A navigator is the slots of a Navigator.
type navigator struct{}

// defineNavigator is HTML, "The Navigator object", and Beacon, "sendBeacon() method".
func (rt *realm) defineNavigator() *goja.Object {
	agent := rt.nav.UserAgent
	if agent == "" {
		agent = "beacon-go"
	}
	i := rt.define("Navigator", "", 0, nil)
	for name, v := range map[string]any{
		"userAgent": agent, "appCodeName": "Mozilla", "appName": "Netscape", "appVersion": agent, "product": "Gecko",
		"platform": runtime.GOOS, "vendor": "", "language": "en", "languages": rt.languages("en"), "onLine": true,
		"cookieEnabled":       rt.nav.Page != nil && rt.nav.Page.Jar != nil,
		"hardwareConcurrency": runtime.NumCPU(), "webdriver": false,
	} {
		getter(i, name, func(*navigator) any { return v })
	}
	method(i, "sendBeacon", 1, func(_ *navigator, c call) any { return c.sendBeacon() })
	return rt.make("Navigator", &navigator{})
}

func (rt *realm) languages(names ...any) *goja.Object { return rt.r.NewArray(names...) }

// sendBeacon is Beacon, "Processing Model". WebIDL converts url before data.
func (c call) sendBeacon() bool {
	url := c.usv(0)
	var data any
	if v := c.arg(1); !goja.IsUndefined(v) && !goja.IsNull(v) {
		data = c.beaconData(c.bodyInit(v))
	}
	queued, err := c.nav.SendBeacon(url, data)
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

// beaconData is a body as the navigator takes it. It copies the bytes.
func (c call) beaconData(init any) any {
	switch v := init.(type) {
	case string, []byte:
		return v
	case *blob:
		return beacon.Blob{Data: v.data, Type: v.kind}
	case *searchParams:
		// A Blob's type would be in lower case.
		return beacon.URLEncoded(urlEncode(v.list))
	}
	b, kind := c.extract(init, nil, true)
	return beacon.Blob{Data: b.data, Type: kind}
}
