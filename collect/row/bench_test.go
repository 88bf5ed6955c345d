package row

import (
	"strings"
	"testing"
)

// BenchmarkOf decodes beacons of 512 bytes.
func BenchmarkOf(b *testing.B) {
	object := `{"name":"LCP","value":1234.5,"id":"v4-1","page":"/cart","text":"` + strings.Repeat("x ", 225) + `"}`
	for _, x := range []struct{ name, contentType, body string }{
		{"json", "application/json", object},
		{"json-in-text", "text/plain;charset=UTF-8", object},
		{"form", form, "v=1&t=pageview&dl=https%3A%2F%2Fshop.example%2Fcart&dt=" + strings.Repeat("a+b", 150)},
		{"text", "text/plain", strings.Repeat("hello, world\n", 39)},
		{"gzip", "text/plain", gzipped(object)},
	} {
		b.Run(x.name, func(b *testing.B) {
			r := record(x.contentType, x.body)
			b.ReportAllocs()
			for b.Loop() {
				Of(r)
			}
		})
	}
}
