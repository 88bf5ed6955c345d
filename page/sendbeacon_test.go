package page_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/page"
)

func TestSendBeacon_EachType_SendsBodyAndContentType(t *testing.T) {
	onEach(t, sendBeaconEachType)
}

func sendBeaconEachType(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	for _, c := range []struct{ name, data, contentType, body string }{
		{"no data", ``, "", ""},
		{"undefined", `, undefined`, "", ""},
		{"null", `, null`, "", ""},
		{"an empty string", `, ""`, "text/plain;charset=UTF-8", ""},
		{"a string", `, "grüße"`, "text/plain;charset=UTF-8", "grüße"},
		{"a lone surrogate", `, "a\uD800b\uDC00\uD83D\uDE00"`, "text/plain;charset=UTF-8", "a\uFFFDb\uFFFD😀"},
		{"a number", `, 12.50`, "text/plain;charset=UTF-8", "12.5"},
		{"a boolean", `, false`, "text/plain;charset=UTF-8", "false"},
		{"a bigint", `, 12n`, "text/plain;charset=UTF-8", "12"},
		{"an object", `, {a: 1}`, "text/plain;charset=UTF-8", "[object Object]"},
		{"an array", `, [1, [2, 3]]`, "text/plain;charset=UTF-8", "1,2,3"},
		{"an object with toString", `, {toString: () => "me", valueOf: () => "no"}`, "text/plain;charset=UTF-8", "me"},
		{"an object with Symbol.toPrimitive", `, {[Symbol.toPrimitive]: hint => hint}`, "text/plain;charset=UTF-8", "string"},
		{"an ArrayBuffer", `, new Uint8Array([97, 0, 98]).buffer`, "", "a\x00b"},
		{"a typed array", `, new Uint16Array([0x6261, 0x6463])`, "", "abcd"},
		{"a view's own range", `, new Uint8Array([97, 98, 99, 100]).subarray(1, 3)`, "", "bc"},
		{"a DataView", `, new DataView(new Uint8Array([97, 98, 99, 100]).buffer, 1, 2)`, "", "bc"},
		{"floats", `, new Float32Array([1])`, "", "\x00\x00\x80\x3f"},
		{"big integers", `, new BigInt64Array([0x61n])`, "", "a\x00\x00\x00\x00\x00\x00\x00"},
		{"a view whose prototype is gone", `, Object.setPrototypeOf(new Uint8Array([97]), null)`, "", "a"},
		{"a Blob", `, new Blob(["a", new Uint8Array([98])], {type: "Application/JSON"})`, "application/json", "ab"},
		{"a Blob without a type", `, new Blob(["ab"])`, "", "ab"},
		{"a File", `, new File(["ab"], "n", {type: "text/csv"})`, "text/csv", "ab"},
		{"a subclass of Blob", `, new (class extends Blob { x = 1 })(["ab"], {type: "a/b"})`, "a/b", "ab"},
		{"a Blob whose prototype is gone", `, Object.setPrototypeOf(new Blob(["ab"]), null)`, "", "ab"},
		{"a Blob with a toString", `, Object.assign(new Blob(["ab"]), {toString: () => "no"})`, "", "ab"},
		{"what only looks like a Blob", `, Object.create(new Blob(["ab"]))`, "text/plain;charset=UTF-8", "[object Blob]"},
		{"a proxy of a Blob", `, new Proxy(new Blob(["ab"]), {})`, "text/plain;charset=UTF-8", "[object Blob]"},
		{"a proxy of a view", `, new Proxy(new Uint8Array(2), {get: (o, k) => k === Symbol.toPrimitive ? () => "me" : o[k]})`, "text/plain;charset=UTF-8", "me"},
		{"a part of a Blob", `, new Blob(["abcd"]).slice(1, -1, "X/Y")`, "x/y", "bc"},
	} {
		do(t, p, `equal(navigator.sendBeacon("`+url+`/x"`+c.data+`), true)`)
		r := next(t, got)
		if r.method != "POST" || r.path != "/x" || r.contentType != c.contentType || r.body != c.body {
			t.Errorf("%s is sent as %s %s, %q: %q", c.name, r.method, r.path, r.contentType, r.body)
		}
		if r.header.Get("Content-Length") == "" && r.body == "" && r.header.Get("Transfer-Encoding") != "" {
			t.Errorf("%s has no Content-Length", c.name)
		}
	}
}

func TestSendBeacon_FormData_SendsMultipart(t *testing.T) {
	onEach(t, sendBeaconFormData)
}

func sendBeaconFormData(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `
		const f = new FormData
		f.append("a\nb\"c", "1\n2\r3")
		f.append("file", new Blob(["x"], {type: "text/x"}), 'n"\r\n')
		f.append("file", new File(["y"], "named"))
		navigator.sendBeacon("`+url+`", f)`)
	r := next(t, got)
	boundary, ok := strings.CutPrefix(r.contentType, "multipart/form-data; boundary=")
	want := strings.ReplaceAll(strings.ReplaceAll(`--B
Content-Disposition: form-data; name="a%0D%0Ab%22c"

1
2
3
--B
Content-Disposition: form-data; name="file"; filename="n%22%0D%0A"
Content-Type: text/x

x
--B
Content-Disposition: form-data; name="file"; filename="named"
Content-Type: application/octet-stream

y
--B--
`, "\n", "\r\n"), "--B", "--"+boundary)
	if !ok || r.body != want {
		t.Errorf("%q: %q, not %q", r.contentType, r.body, want)
	}
}

func TestSendBeacon_URLSearchParams_SendsForm(t *testing.T) {
	onEach(t, sendBeaconURLSearchParams)
}

func sendBeaconURLSearchParams(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `navigator.sendBeacon("`+url+`", new URLSearchParams([["z", "1 ~"], ["a", "ü\uD800"], ["z", "&="]]))`)
	r := next(t, got)
	// The charset's case is the navigator's: it keeps the type of a Blob in lower case.
	if !strings.EqualFold(r.contentType, "application/x-www-form-urlencoded;charset=UTF-8") || r.body != "z=1+%7E&a=%C3%BC%EF%BF%BD&z=%26%3D" {
		t.Errorf("%q: %q", r.contentType, r.body)
	}
}

func TestSendBeacon_Property_FollowsWebIDL(t *testing.T) {
	bothHold(t, []rule{
		{"on the prototype, enumerable, writable and configurable", `
			const d = Object.getOwnPropertyDescriptor(Navigator.prototype, "sendBeacon")
			list([d.enumerable, d.writable, d.configurable], [true, true, true])
			equal(navigator.hasOwnProperty("sendBeacon"), false)`},
		{"with a length and a name", `equal(navigator.sendBeacon.length, 1); equal(navigator.sendBeacon.name, "sendBeacon")`},
		{"not a constructor", `throws(TypeError, () => new navigator.sendBeacon("https://a.example"))
			equal("prototype" in navigator.sendBeacon, false)`},
		{"without arguments", `const e = throws(TypeError, () => navigator.sendBeacon()); equal(e.message.includes("1 argument required, but only 0 present"), true)`},
		{"of a navigator only", `
			for (const o of [{}, Navigator.prototype, Object.create(navigator), new Proxy(navigator, {}), 1, window])
				equal(throws(TypeError, () => Navigator.prototype.sendBeacon.call(o, "https://a.example")).message, "Illegal invocation")
			throws(TypeError, () => (0, navigator.sendBeacon)("https://a.example"))`},
		{"that can't be made", `throws(TypeError, () => new Navigator); throws(TypeError, () => Navigator()); equal(navigator instanceof Navigator, true)
			equal(String(navigator), "[object Navigator]")`},
		{"and that a script can replace", `
			const was = navigator.sendBeacon
			navigator.sendBeacon = () => "mine"; equal(navigator.sendBeacon(), "mine"); delete navigator.sendBeacon; equal(navigator.sendBeacon, was)`},
	})
}

func TestSendBeacon_InvalidArguments_Throws(t *testing.T) {
	bothHold(t, []rule{
		{"no URL", `throws(TypeError, () => navigator.sendBeacon("http://:80"))`},
		{"another scheme", `for (const u of ["ftp://a.example", "data:,x", "about:blank", "javascript:1", "ws://a.example", "blob:https://a.example/x"]) throws(TypeError, () => navigator.sendBeacon(u))`},
		{"symbols", `throws(TypeError, () => navigator.sendBeacon(Symbol())); throws(TypeError, () => navigator.sendBeacon("https://a.example", Symbol("x")))`},
		{"an object without a prototype", `throws(TypeError, () => navigator.sendBeacon("https://a.example", Object.create(null)))`},
		{"a stream", `throws(TypeError, () => navigator.sendBeacon("https://a.example", new ReadableStream))`},
		{"a locked stream", `const s = new ReadableStream; s.getReader(); throws(TypeError, () => navigator.sendBeacon("https://a.example", s))`},
		{"a stream of a Blob", `throws(TypeError, () => navigator.sendBeacon("https://a.example", new Blob(["a"]).stream()))`},
		{"a body's stream", `throws(TypeError, () => navigator.sendBeacon("https://a.example", new Response("a").body))`},
		{"what the data's toString throws, itself", `
			const mine = {}
			let e; try { navigator.sendBeacon("https://a.example", {toString() { throw mine }}) } catch (x) { e = x }
			equal(e, mine)`},
		{"url first, then data, then the URL is looked at", `
			const order = [], say = (s, as) => ({toString() { order.push(s); return as }})
			throws(TypeError, () => navigator.sendBeacon(say("url", "http://:1"), say("data", "")))
			list(order, ["url", "data"])`},
		{"and data is not converted if url can't be", `
			let touched = false
			throws(RangeError, () => navigator.sendBeacon({toString() { throw new RangeError }}, {toString() { touched = true }}))
			equal(touched, false)`},
	})
}

func TestSendBeacon_DataChangesLater_SendsTheOld(t *testing.T) {
	onEach(t, sendBeaconDataChangesLater)
}

func sendBeaconDataChangesLater(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `
		const bytes = new Uint8Array([97, 98])
		navigator.sendBeacon("`+url+`", bytes); bytes[0] = 99
		const params = new URLSearchParams("a=1")
		navigator.sendBeacon("`+url+`", {toString() { bytes[1] = 100; return bytes.join() }})`)
	came := map[string]bool{} // they leave in parallel
	for range 2 {
		came[next(t, got).body] = true
	}
	if !came["ab"] || !came["99,100"] {
		t.Errorf("%v", came)
	}
}

func TestSendBeacon_BodyOverQuota_ReturnsFalse(t *testing.T) {
	onEach(t, sendBeaconBodyOverQuota)
}

func sendBeaconBodyOverQuota(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `
		const u = "`+url+`"
		equal(navigator.sendBeacon(u, "x".repeat(65537)), false, "a string over the quota")
		equal(navigator.sendBeacon(u, new Uint8Array(65537)), false)
		equal(navigator.sendBeacon(u, new Blob([new Uint8Array(65537)])), false)
		equal(navigator.sendBeacon(u, new URLSearchParams("a=" + "x".repeat(65535))), false)
		equal(navigator.sendBeacon(u, "ü".repeat(32769)), false, "bytes count, not characters")
		equal(navigator.sendBeacon(u, "ü".repeat(32768)), true)`)
	if r := next(t, got); len(r.body) != 65536 {
		t.Errorf("%d bytes", len(r.body))
	}
}

func TestSendBeacon_PrototypesReplaced_CallsNoScript(t *testing.T) {
	onEach(t, sendBeaconPrototypesReplaced)
}

func sendBeaconPrototypesReplaced(t *testing.T, open opener) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `
		const bytes = new Uint8Array([97]), no = () => { throw new Error("called") }
		Array.prototype.push = Array.prototype[Symbol.iterator] = String.prototype.toString = no
		Blob.prototype.slice = Promise.prototype.then = Promise.resolve = no
		Object.defineProperty(Blob.prototype, "size", {get: no}); Object.defineProperty(Blob.prototype, "type", {get: no})
		Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), "byteLength", {get: no})
		Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, {get: no})
		FormData.prototype.entries = URLSearchParams.prototype.toString = FormData.prototype[Symbol.iterator] = no
		const f = new FormData; f.append("a", "b")
		navigator.sendBeacon("`+url+`", "s"); navigator.sendBeacon("`+url+`", bytes)
		navigator.sendBeacon("`+url+`", f); navigator.sendBeacon("`+url+`", new URLSearchParams("a=b"))`)
	for range 4 {
		next(t, got)
	}
}

func TestSendBeacon_DetachedBuffer_SendsNoBody(t *testing.T) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `var buffer = new ArrayBuffer(4), bytes = new Uint8Array(buffer, 1), data = new DataView(buffer)`)
	err := p.Do(t.Context(), func(r *goja.Runtime) error {
		r.Get("buffer").Export().(goja.ArrayBuffer).Detach()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"buffer", "bytes", "data"} {
		do(t, p, `equal(navigator.sendBeacon("`+url+`", `+name+`), true)`)
		if r := next(t, got); r.body != "" || r.contentType != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestSendBeacon_Called_CallsOptionSent(t *testing.T) {
	onEach(t, sendBeaconCalled)
}

func sendBeaconCalled(t *testing.T, open opener) {
	type call struct {
		url    string
		bytes  int
		queued bool
	}
	var calls []call
	url, _ := collector(t)
	p := open(t, page.Options{URL: url, Sent: func(url string, bytes int, queued bool) { calls = append(calls, call{url, bytes, queued}) }})
	do(t, p, `
		const u = "`+url+`/"
		navigator.sendBeacon(u, "é"); navigator.sendBeacon(u, new Uint8Array(3)); navigator.sendBeacon(u, new Blob(["1234"])); navigator.sendBeacon(u); navigator.sendBeacon(u, "x".repeat(65537))
		throws(TypeError, () => navigator.sendBeacon("data:"))`)
	want := []call{{url + "/", 2, true}, {url + "/", 3, true}, {url + "/", 4, true}, {url + "/", 0, true}, {url + "/", 65537, false}}
	if !slices.Equal(calls, want) {
		t.Errorf("%v", calls)
	}
}
