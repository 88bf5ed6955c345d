package page_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
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
	quick := func(b *testing.B, send func(url string, data any) error) {
		p, err := page.NewQuick(page.Options{URL: url}, send)
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close(b.Context())
		loop := "globalThis.loop = n => { const s = 'x'.repeat(512); for (let i = 0; i < n; i++) if (!navigator.sendBeacon('" + url + "', s)) throw 1 }"
		if err := p.Run(b.Context(), "loop.js", loop); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		if err := p.Run(b.Context(), "run.js", fmt.Sprintf("loop(%d)", b.N)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("QuickJS", func(b *testing.B) { quick(b, openSender(b).Send) })
	b.Run("QuickJS alone", func(b *testing.B) { quick(b, func(string, any) error { return nil }) })
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

// BenchmarkPage compares pages on the two engines, from New to the end of a first script.
func BenchmarkPage(b *testing.B) {
	ctx := context.Background()
	for name, open := range map[string]func(page.Options) (closer, error){
		"goja":    func(o page.Options) (closer, error) { return page.New(o) },
		"quickjs": func(o page.Options) (closer, error) { return page.NewQuick(o, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			o := page.Options{URL: "http://127.0.0.1:9/", Navigator: &navigator.Navigator{Agent: newAgent(b, navigator.Config{})}}
			for b.Loop() {
				p, err := open(o)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Run(ctx, "first.js", "1"); err != nil {
					b.Fatal(err)
				}
				p.Close(ctx)
			}
		})
	}
}

// A closer is a page of one of the engines.
type closer interface {
	runner
	Close(ctx context.Context) error
}

func must(v goja.Value, err error) goja.Value {
	if err != nil {
		panic(err)
	}
	return v
}
