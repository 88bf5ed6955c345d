package page_test

import (
	"testing"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
)

// BenchmarkSendBeacon is a beacon of 512 bytes from JavaScript to the outbox, and the same
// from Go: the difference is what the page costs.
func BenchmarkSendBeacon(b *testing.B) {
	const url = "http://127.0.0.1:9/x"
	data := make([]byte, 512)
	for i := range data {
		data[i] = 'x'
	}
	config := func() *beacon.Config {
		return &beacon.Config{Outbox: newOutbox(b), InProcess: true, Capacity: 1 << 40}
	}
	b.Run("JavaScript", func(b *testing.B) {
		r := enabled(b, "")
		r.Set("s", string(data))
		r.Set("u", url)
		send, _ := goja.AssertFunction(must(r.RunString(`(function (n) { for (let i = 0; i < n; i++) if (!navigator.sendBeacon(u, s)) throw 1 })`)))
		b.ResetTimer()
		if _, err := send(nil, r.ToValue(b.N)); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("Go", func(b *testing.B) {
		n := beacon.Navigator{Config: config()}
		for b.Loop() {
			if ok, err := n.SendBeacon(url, string(data)); !ok {
				b.Fatal(err)
			}
		}
	})
	// Refused before it is written: what is left is the binding.
	b.Run("JavaScript alone", func(b *testing.B) {
		r := enabled(b, "")
		send, _ := goja.AssertFunction(must(r.RunString(`(function (n) { const s = "x".repeat(512); for (let i = 0; i < n; i++) try { navigator.sendBeacon("data:", s) } catch {} })`)))
		b.ResetTimer()
		if _, err := send(nil, r.ToValue(b.N)); err != nil {
			b.Fatal(err)
		}
	})
}

func must(v goja.Value, err error) goja.Value {
	if err != nil {
		panic(err)
	}
	return v
}
