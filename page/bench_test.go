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

// BenchmarkPage compares pages on the two engines.
func BenchmarkPage(b *testing.B) {
	ctx := context.Background()
	options := func(b *testing.B) page.Options {
		return page.Options{URL: "http://127.0.0.1:9/", Navigator: &navigator.Navigator{Agent: newAgent(b, navigator.Config{})}}
	}
	open := map[string]func(page.Options) (closer, error){
		"goja":    func(o page.Options) (closer, error) { return page.New(o) },
		"quickjs": func(o page.Options) (closer, error) { return page.NewQuick(o) },
	}
	// The quota keeps a beacon from being sent, so the loop measures the call up to it.
	const script = `(() => { const s = "x".repeat(65536 + 1 - 512), t = "x".repeat(512); return n => { for (let i = 0; i < n; i++) navigator.sendBeacon("/x", t) } })()`
	for _, engine := range []string{"goja", "quickjs"} {
		b.Run("New/"+engine, func(b *testing.B) {
			o := options(b)
			for b.Loop() {
				p, err := open[engine](o)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Run(ctx, "first.js", "1"); err != nil {
					b.Fatal(err)
				}
				p.Close(ctx)
			}
		})
		b.Run("SendBeacon512/"+engine, func(b *testing.B) {
			p, err := open[engine](options(b))
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close(ctx)
			if err := p.Run(ctx, "loop.js", "globalThis.loop = "+script); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			if err := p.Run(ctx, "run.js", fmt.Sprintf("loop(%d)", b.N)); err != nil {
				b.Fatal(err)
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
