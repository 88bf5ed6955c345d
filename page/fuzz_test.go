package page_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

// FuzzSendBeacon calls sendBeacon with the values of any two expressions. It must return a boolean or throw, and
// the page must go on.
func FuzzSendBeacon(f *testing.F) {
	for _, seed := range []struct{ url, data string }{
		{`"https://a.example/"`, `"text"`},
		{`"https://a.example/"`, `"\uD800\uDC00\uDC00"`},
		{`"http://127.0.0.1:1/?q#f"`, `new Uint8Array([1, 2]).subarray(1)`},
		{`new URL("https://a.example")`, `new DataView(new ArrayBuffer(3), 1)`},
		{`{toString() { throw 1 }}`, `new Blob(["a", new Blob(["b"])], {type: "a/b"})`},
		{`Symbol()`, `Object.create(null)`},
		{`"https://a.example/"`, `(() => { const f = new FormData; f.append("a", new File(["b"], "c")); return f })()`},
		{`"https://a.example/"`, `new URLSearchParams({a: "b"})`},
		{`"https://a.example/"`, `new Proxy(new Blob(["a"]), {get() { throw new RangeError }})`},
		{`"https://a.example/"`, `new ReadableStream({start(c) { c.enqueue(1); c.close() }})`},
		{`"https://a.example/"`, `Object.setPrototypeOf(new Float64Array(3), null)`},
		{`"https://a.example/"`, `(() => { const b = {}; b[Symbol.toPrimitive] = () => b; return b })()`},
		{`"//["`, `-0`}, {`1n`, `[[[]]]`}, {`/x/`, `() => {}`},
		{`"https://a.example/"`, `new (class extends Blob { get size() { return 1e9 } })(["x"])`},
		{`"https://a.example/"`, `new Response("a").body`},
		{`"https://a.example/"`, `structured = function* () { yield 1 }()`},
	} {
		f.Add(seed.url, seed.data)
	}
	// No server listens at the URLs. The beacons are deleted with the outbox.
	n := &navigator.Navigator{Agent: newAgent(f, navigator.Config{Capacity: 1 << 20})}
	f.Fuzz(func(t *testing.T, url, data string) {
		if hungry(url) || hungry(data) {
			t.Skip()
		}
		p, err := page.New(page.Options{URL: "https://shop.example/", Navigator: n, Timeout: 200 * time.Millisecond, Memory: 512 << 20})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		defer p.Close(ctx)
		err = p.Run(ctx, "fuzz.js", "const is = navigator.sendBeacon(("+url+"\n), ("+data+"\n)); if (is !== true && is !== false) throw 'returned ' + is")
		var uncaught *page.UncaughtError
		switch {
		case err == nil:
		case errors.As(err, &uncaught):
			if strings.Contains(uncaught.Message, "returned ") {
				t.Error(err)
			}
		case strings.Contains(err.Error(), "was ended"):
		default:
			t.Error(err)
		}
		err = p.Do(ctx, func(r *goja.Runtime) error {
			_, err := r.RunString("1")
			return err
		})
		if err != nil {
			t.Errorf("the page doesn't go on: %v", err)
		}
	})
}

// hungry reports whether a script could take more memory in one step than a machine has. The page's limit does not
// prevent that.
func hungry(s string) bool {
	for _, word := range []string{"repeat", "pad", "Array(", "Buffer(", "length", "fill", "**", "<<"} {
		if strings.Contains(s, word) && strings.ContainsAny(s, "56789") {
			return true
		}
	}
	return false
}
