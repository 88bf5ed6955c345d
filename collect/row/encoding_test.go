package row

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func gzipped(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed); return z })
}

func packed(s string, writer func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := writer(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// bombs are what 10 MiB of zeros are packed with.
var bombs = map[string]func(io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 1); return z },
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
}

func TestABombIsARowWithTheReason(t *testing.T) {
	zeros := strings.Repeat("0", 10<<20)
	for coding, writer := range bombs {
		bomb := packed(zeros, writer)
		r := record("text/plain", bomb)
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "Content-Encoding", Value: coding})
		before := allocated()
		row := Of(r)
		spent := allocated() - before
		if row.Data != nil || row.Kind != Text || string(row.Body) != bomb || !strings.HasPrefix(row.Error, "the "+coding+" body inflates to more than ") {
			t.Errorf("%s of %d bytes: %s, %d bytes of data, error %q", coding, len(bomb), row.Kind, len(row.Data), row.Error)
		}
		if spent > 3*maxInflated {
			t.Errorf("%s cost %d MiB", coding, spent>>20)
		}
	}
	for name, contentType := range map[string]string{"its bytes show it": "text/plain", "nothing labels it": "", "its type labels it": "application/gzip"} {
		if row := Of(record(contentType, packed(zeros, bombs["gzip"]))); row.Data != nil || !strings.Contains(row.Error, "inflates to more than") {
			t.Errorf("%s: error %q", name, row.Error)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestInflate_Limits_Hold(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1<<20) // hardly compressible
	for i := range noise {
		noise[i] = "0123456789abcdef"[random.IntN(16)]
	}
	for _, c := range []struct{ name, text, err string }{
		{"64 KiB, however small it came", strings.Repeat("0", 64<<10), ""},
		{"not a byte more at over 200 times its size", strings.Repeat("0", 64<<10+1), "the gzip body inflates to more than 65536 bytes and is left as it is"},
		{"6 MiB at twice its size", strings.Repeat(string(noise), 6), ""},
		{"not 9 MiB", strings.Repeat(string(noise), 9), "the gzip body inflates to more than 8388608 bytes and is left as it is"},
	} {
		row := Of(record("text/plain", gzipped(c.text)))
		if row.Error != c.err || c.err == "" && len(row.Data) != len(c.text)+2 {
			t.Errorf("%s: %d bytes of data, error %q", c.name, len(row.Data), row.Error)
		}
	}
}

func TestOf_BrokenCoding_SaysWhy(t *testing.T) {
	z := gzipped(`{"a":1}`)
	for _, c := range []struct{ name, contentType, encoding, body, kind, err string }{
		{"another coding", "application/json", "compress", "\x1f\x9d\x90", JSON, "the body's Content-Encoding compress is not supported, only gzip, deflate, br and zstd"},
		{"gzip that is cut short", "application/json", "gzip", z[:len(z)-9], JSON, "the gzip body is cut short"},
		{"nothing at all", "application/json", "gzip", "", JSON, "the body is not in its Content-Encoding, gzip; the JSON is missing: the body is empty"},
		{"brotli that is cut short", "application/json", "br", packed("hello, hello", bombs["br"])[:5], JSON, "the br body is cut short"},
		{"a wrong checksum", "text/plain", "", z[:len(z)-8] + "\x00\x00\x00\x00\x07\x00\x00\x00", Text, "the gzip body is broken: gzip: invalid checksum"},
		{"five codings", "text/plain", "gzip,gzip,gzip,gzip,gzip", "x", Text, "the body is compressed 5 times, more than 4"},
		{"a picture in a coding", "image/png", "gzip", "\x89PNG", Binary, "the gzip body is cut short"},
		{"five codings that the bytes show", "text/plain", "", gzipped(gzipped(gzipped(gzipped(z)))), Text, "the text is not UTF-8 at byte 1; data has U+FFFD there"},
	} {
		r := record(c.contentType, c.body)
		if c.encoding != "" {
			r.Request.Header = append(r.Request.Header, warc.Field{Name: "content-encoding", Value: c.encoding})
		}
		if row := Of(r); row.Error != c.err || row.Kind != c.kind || string(row.Body) != c.body {
			t.Errorf("%s: %s, error %q", c.name, row.Kind, row.Error)
		}
	}
}

func TestOf_TextThatBeginsLikeDeflate_IsText(t *testing.T) {
	for _, body := range []string{"x^2 + y^2", "x\x01", "x^"} {
		if row := Of(record("text/plain", body)); row.Kind != Text || row.Error != "" || string(row.Data) != string(quote(body)) {
			t.Errorf("%q: %s, %s, error %q", body, row.Kind, row.Data, row.Error)
		}
	}
}
