package page_test

import (
	"testing"

	"github.com/dop251/goja"
)

// BenchmarkSendBeacon queues a beacon of 512 bytes from JavaScript, and from Go. The difference is the cost of the
// engine and of the conversions.
func BenchmarkSendBeacon(b *testing.B) {
	const url = "http://127.0.0.1:9/x"
	data := make([]byte, 512)
	for i := range data {
		data[i] = 'x'
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
		s := openSender(b)
		for b.Loop() {
			if err := s.Send(url, string(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The URL is invalid, so nothing is written.
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
