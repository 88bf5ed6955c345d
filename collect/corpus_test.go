package collect_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// packings are the ways in which a body is compressed: the Content-Encoding, the bytes, and whether only the bytes
// show it.
var packings = []struct {
	name, encoding string
	pack           func(string) string
	shows          bool
}{
	{"as it is", "", func(s string) string { return s }, false},
	{"as it is, and said so", "identity", func(s string) string { return s }, false},
	{"gzip", "gzip", gzipped, false},
	{"gzip by its old name", "X-Gzip", gzipped, false},
	{"deflate", "deflate", zlibbed, false},
	{"deflate without its header", "deflate", func(s string) string {
		return packed(s, func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 9); return f })
	}, false},
	{"br", "br", brotlied, false},
	{"zstd", "zstd", zstded, false},
	{"br in gzip", "br, gzip", func(s string) string { return gzipped(brotlied(s)) }, false},
	{"gzip in zstd in deflate", "gzip,zstd , deflate", func(s string) string { return zlibbed(zstded(gzipped(s))) }, false},
	{"gzip that only its bytes show", "", gzipped, true},
	{"zstd that only its bytes show", "", zstded, true},
	{"deflate that only its bytes show", "", zlibbed, true},
	{"gzip twice, of which the header says one", "gzip", func(s string) string { return gzipped(gzipped(s)) }, true},
}

func packed(s string, writer func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := writer(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func gzipped(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}
func zlibbed(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}
func brotlied(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
}
func zstded(s string) string {
	return packed(s, func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z })
}

// decoded is a body's row. Its err is a part of the row's error.
type decoded struct{ kind, data, err string }

const (
	ndjson       = "{\"a\":1}\r\n\n{\"b\":[2]}\n"
	csp          = `{"csp-report":{"blocked-uri":"inline","violated-directive":"script-src"}}`
	nel          = `[{"type":"network-error","age":29,"url":"https://x.example/","body":{"phase":"dns","type":"dns.name_not_resolved"}}]`
	mixed        = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n"
	noJSON       = "the JSON is"
	formLabel    = "application/x-www-form-urlencoded;charset=UTF-8"
	textLabel    = "text/plain;charset=UTF-8"
	noLabel      = ""
	brokenLabel  = "none"
	jsonLabel    = "application/json"
	vendorLabel  = "application/vnd.x+json; charset=utf-8"
	reportsLabel = "application/reports+json"
	cspLabel     = "application/csp-report"
	linesLabel   = "application/x-ndjson"
	bytesLabel   = "application/octet-stream"
	pngLabel     = "image/png"
	mixedLabel   = "multipart/form-data; boundary=B"
)

// corpus has the row of each body under each label. Compression does not change it.
var corpus = []struct {
	name, body string
	want       map[string]decoded
}{
	{"a JSON object", ` {"a":[1,2.50]}`, map[string]decoded{
		textLabel: {row.JSON, ` {"a":[1,2.50]}`, ""}, noLabel: {row.JSON, ` {"a":[1,2.50]}`, ""}, brokenLabel: {row.JSON, ` {"a":[1,2.50]}`, ""},
		formLabel: {row.JSON, ` {"a":[1,2.50]}`, ""}, jsonLabel: {row.JSON, ` {"a":[1,2.50]}`, ""}, vendorLabel: {row.JSON, ` {"a":[1,2.50]}`, ""},
		reportsLabel: {row.Report, ` {"a":[1,2.50]}`, ""}, cspLabel: {row.Report, ` {"a":[1,2.50]}`, ""}, linesLabel: {row.JSON, `[{"a":[1,2.50]}]`, ""},
		bytesLabel: {row.JSON, ` {"a":[1,2.50]}`, ""}, pngLabel: {row.Binary, "", "not decoded"}, mixedLabel: {row.Multipart, "", "multipart"},
	}},
	{"a number", "17", map[string]decoded{
		textLabel: {row.Text, `"17"`, ""}, noLabel: {row.Text, `"17"`, ""}, brokenLabel: {row.Text, `"17"`, ""},
		formLabel: {row.Text, `"17"`, ""}, jsonLabel: {row.JSON, "17", ""}, vendorLabel: {row.JSON, "17", ""},
		reportsLabel: {row.Report, "17", ""}, cspLabel: {row.Report, "17", ""}, linesLabel: {row.JSON, "[17]", ""},
		bytesLabel: {row.Binary, "", "not decoded"}, pngLabel: {row.Binary, "", "not decoded"}, mixedLabel: {row.Multipart, "", "multipart"},
	}},
	{"a form", "a=1&b=x%20%C3%BC+z&a=", map[string]decoded{
		textLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, ""}, noLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, ""}, brokenLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, ""},
		formLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, ""}, jsonLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, noJSON}, vendorLabel: {row.Form, `{"a":["1",""],"b":"x ü z"}`, noJSON},
		reportsLabel: {row.Report, "", noJSON}, cspLabel: {row.Report, "", noJSON}, linesLabel: {row.JSON, "", "line 1: the JSON is"},
		bytesLabel: {row.Binary, "", "not decoded"}, pngLabel: {row.Binary, "", "not decoded"}, mixedLabel: {row.Multipart, "", "multipart"},
	}},
	{"a form with JSON in base64", "v=1&data=eyJhIjpbIj4-PiIsIj8_PyJdfQ", map[string]decoded{
		textLabel: {row.Form, `{"v":"1","data":{"a":[">>>","???"]}}`, ""}, formLabel: {row.Form, `{"v":"1","data":{"a":[">>>","???"]}}`, ""}, noLabel: {row.Form, `{"v":"1","data":{"a":[">>>","???"]}}`, ""},
	}},
	{"a text", "Grüße: 1 < 2 = {", map[string]decoded{
		textLabel: {row.Text, `"Grüße: 1 < 2 = {"`, ""}, noLabel: {row.Text, `"Grüße: 1 < 2 = {"`, ""}, brokenLabel: {row.Text, `"Grüße: 1 < 2 = {"`, ""},
		formLabel: {row.Form, `{"Grüße: 1 < 2 ":" {"}`, ""}, jsonLabel: {row.JSON, "", noJSON}, vendorLabel: {row.JSON, "", noJSON},
		reportsLabel: {row.Report, "", noJSON}, cspLabel: {row.Report, "", noJSON}, linesLabel: {row.JSON, "", "line 1: the JSON is"},
		bytesLabel: {row.Binary, "", "not decoded"}, pngLabel: {row.Binary, "", "not decoded"}, mixedLabel: {row.Multipart, "", "multipart"},
	}},
	{"lines of JSON", ndjson, map[string]decoded{
		textLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, ""}, noLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, ""}, formLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, ""},
		jsonLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, noJSON}, linesLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, ""}, bytesLabel: {row.JSON, `[{"a":1},{"b":[2]}]`, ""},
	}},
	{"a CSP report", csp, map[string]decoded{cspLabel: {row.Report, csp, ""}, textLabel: {row.JSON, csp, ""}}},
	{"a network error report", nel, map[string]decoded{reportsLabel: {row.Report, nel, ""}, noLabel: {row.JSON, nel, ""}}},
	{"fields", mixed, map[string]decoded{
		mixedLabel: {row.Multipart, `{"a":"1"}`, ""}, "multipart/form-data": {row.Multipart, "", "boundary"}, jsonLabel: {row.JSON, "", noJSON},
	}},
	{"bytes", "\x00\x01=\xfe\xff", map[string]decoded{
		textLabel: {row.Text, `"\u0000\u0001=` + "\uFFFD\uFFFD" + `"`, "not UTF-8"}, noLabel: {row.Binary, "", "not decoded"}, brokenLabel: {row.Binary, "", "not decoded"},
		formLabel: {row.Form, `{"\u0000\u0001":"` + "\uFFFD\uFFFD" + `"}`, "not UTF-8"}, jsonLabel: {row.JSON, "", "not UTF-8"}, vendorLabel: {row.JSON, "", "not UTF-8"},
		reportsLabel: {row.Report, "", "not UTF-8"}, cspLabel: {row.Report, "", "not UTF-8"}, linesLabel: {row.JSON, "", "not UTF-8"},
		bytesLabel: {row.Binary, "", "not decoded"}, pngLabel: {row.Binary, "", "not decoded"},
	}},
}

func TestBodies_EachLabelAndPacking_AreDecoded(t *testing.T) {
	c, url := open(t, collect.Options{})
	type sent struct {
		name, body string
		want       decoded
	}
	var all []sent
	for _, b := range corpus {
		for label, want := range b.want {
			for _, p := range packings {
				s := sent{b.name + ", labelled " + label + ", " + p.name, p.pack(b.body), want}
				switch {
				case label == bytesLabel && p.shows:
					s.want = b.want[noLabel] // the label is that of the compressed bytes
				case b.name == "bytes" && p.shows && p.name[0] == 'd':
					continue // the bytes could be the body itself
				}
				req, err := http.NewRequest("POST", url, strings.NewReader(s.body))
				if err != nil {
					t.Fatal(err)
				}
				if label != "" {
					req.Header.Set("Content-Type", label)
				}
				if p.encoding != "" {
					req.Header.Set("Content-Encoding", p.encoding)
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if res.Body.Close(); res.StatusCode != 204 {
					t.Fatalf("%s: %s", s.name, res.Status)
				}
				all = append(all, s)
			}
		}
	}
	kept := records(t, c)
	if len(kept) != len(all) {
		t.Fatalf("%d kept of %d", len(kept), len(all))
	}
	for i, s := range all {
		r := row.Of(&kept[i])
		if string(r.Body) != s.body {
			t.Errorf("%s: the body is not what was sent", s.name)
		}
		if r.Kind != s.want.kind || string(r.Data) != s.want.data || !strings.Contains(r.Error, s.want.err) || (r.Error == "") != (s.want.err == "") {
			t.Errorf("%s: %s, %s, error %q\nwant %s, %s, error %q", s.name, r.Kind, r.Data, r.Error, s.want.kind, s.want.data, s.want.err)
		}
	}
	t.Logf("%d bodies", len(all))
}
