package conformance

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"strings"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/navigator"
)

const bodySection = `Fetch, "extract a body"`

type text string

// dataRules returns the rules for the body and the Content-Type of each Go type.
func dataRules() (rules []goRule) {
	const plainText = "text/plain;charset=UTF-8"
	const form = "application/x-www-form-urlencoded;charset=UTF-8"
	const multipart = "multipart/form-data; boundary=BOUNDARY"
	var fields, files beacon.FormData
	fields.Append("a \"b\"\r\n", "c\nd\re")
	fields.Append("a", "ü")
	files.AppendFile("f", "n\"\n.txt", beacon.Blob{Data: []byte("\r\n\x00"), Type: "Text/HTML"})
	files.AppendFile("f", "", beacon.Blob{Data: []byte("2")})
	const part = "--BOUNDARY\r\nContent-Disposition: form-data; name="
	fieldsText := part + "\"a %22b%22%0D%0A\"\r\n\r\nc\r\nd\r\ne\r\n" + part + "\"a\"\r\n\r\nü\r\n--BOUNDARY--\r\n"
	filesText := part + "\"f\"; filename=\"n%22%0A.txt\"\r\nContent-Type: text/html\r\n\r\n\r\n\x00\r\n" +
		part + "\"f\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n2\r\n--BOUNDARY--\r\n"
	values := url.Values{"b": {"2", "*-._~"}, "a": {"ü &"}}
	for _, c := range []struct {
		name        string
		data        any
		contentType any
		body        string
	}{
		{"nil has no body", nil, nil, ""},
		{"a string", "ü\n", plainText, "ü\n"},
		{"an empty string has a type", "", plainText, ""},
		{"a string that is not UTF-8", "a\xffb", plainText, "a\ufffdb"},
		{"a type that is a string", text("t"), plainText, "t"},
		{"[]byte", []byte{0, 255}, nil, "\x00\xff"},
		{"a nil []byte", []byte(nil), nil, ""},
		{"json.RawMessage is bytes", json.RawMessage("{}"), nil, "{}"},
		{"[]int8", []int8{-1}, nil, "\xff"},
		{"[]int16", []int16{1, -2}, nil, "\x01\x00\xfe\xff"},
		{"[]int32", []int32{1}, nil, "\x01\x00\x00\x00"},
		{"[]int64", []int64{-1}, nil, strings.Repeat("\xff", 8)},
		{"[2]uint8", [2]uint8{1, 2}, nil, "\x01\x02"},
		{"[]uint16", []uint16{0x0102}, nil, "\x02\x01"},
		{"[1]uint32", [1]uint32{0x01020304}, nil, "\x04\x03\x02\x01"},
		{"[]uint64", []uint64{1}, nil, "\x01" + strings.Repeat("\x00", 7)},
		{"[]float32", []float32{1}, nil, "\x00\x00\x80\x3f"},
		{"[]float64", []float64{1}, nil, "\x00\x00\x00\x00\x00\x00\xf0\x3f"},
		{"a Blob with a type", beacon.Blob{Data: []byte("x"), Type: "Image/PNG"}, "image/png", "x"},
		{"a Blob without", beacon.Blob{Data: []byte("x")}, nil, "x"},
		{"a Blob with an invalid type", beacon.Blob{Data: []byte("x"), Type: "a/b\u00e9"}, nil, "x"},
		{"*Blob", &beacon.Blob{Data: []byte("x"), Type: "text/plain"}, "text/plain", "x"},
		{"a nil *Blob", (*beacon.Blob)(nil), nil, ""},
		{"JSON", beacon.JSON(map[string]any{"a": []int{1}}), "application/json", `{"a":[1]}`},
		{"FormData", fields, multipart, fieldsText},
		{"*FormData with files", &files, multipart, filesText},
		{"an empty FormData", beacon.FormData{}, multipart, "--BOUNDARY--\r\n"},
		{"a nil *FormData", (*beacon.FormData)(nil), nil, ""},
		{"url.Values", values, form, "a=%C3%BC+%26&b=2&b=*-._%7E"},
		{"URLEncoded", beacon.URLEncoded("b=2&a=1"), form, "b=2&a=1"},
	} {
		want := fieldsOf{"content-type": c.contentType, "body": c.body}
		if c.contentType == nil {
			want = fieldsOf{"content-type": nil, "hex": hex.EncodeToString([]byte(c.body))}
		}
		rules = append(rules, one(c.name, bodySection, "{page}/beacon", c.data, want))
	}
	return append(rules, goRule{
		name: "The data is copied during the call", section: bodySection,
		run: func(t *trial) {
			held := make(chan bool)
			t.navigator.Page.Intercept = func(context.Context, *navigator.Request) (*navigator.Response, error) {
				<-held
				return nil, nil
			}
			data := []byte("before")
			t.beacon("{page}/beacon", data)
			copy(data, "behind")
			close(held)
		},
		requests: []fieldsOf{{"body": "before"}},
	}, goRule{
		name: "Streams and types that are not a BodyInit are a TypeError", section: bodySection,
		run: func(t *trial) {
			file, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			none := beacon.JSON(make(chan int))
			for _, data := range []any{
				strings.NewReader("x"), bytes.NewBufferString("x"), file, // streams
				none, &none, 1, true, []int{1}, []string{"x"}, map[string]string{}, struct{}{}, func() {},
			} {
				t.typeError(t.url("{page}/beacon"), data)
			}
		},
	})
}

// urlRules returns the rules for step 1, which parses the URL.
func urlRules() []goRule {
	// resolves returns a rule for a URL of a page with a base.
	resolves := func(name, url, base, at string) goRule {
		return goRule{
			name: name, section: processingSection,
			run: func(t *trial) {
				t.navigator.Page.Base = t.url(base)
				t.beacon(url, "x")
			},
			requests: []fieldsOf{{"method": "POST", "at": at}},
		}
	}
	return []goRule{
		resolves("A relative URL is relative to the base", "../b?c", "{page}/a/d", "{page}/b?c"),
		resolves("A path is relative to the page without a base", "", "{page}/a?q", "{page}/a?q"),
		resolves("An absolute URL needs no base", "{page}/beacon", "about:blank", "{page}/beacon"),
		resolves("A fragment is not sent", "{page}/a?b#c", "", "{page}/a?b"),
		{
			name: "Without Base the page's URL is the base", section: processingSection,
			run: func(t *trial) {
				t.navigator.Page.URL = t.url("{page}/a/b")
				t.beacon("c", "x")
			},
			requests: []fieldsOf{{"at": "{page}/a/c", "referer": "{page}/a/b"}},
		},
		{
			name: "Credentials in the URL are not sent, even after a 401", section: `Fetch, "HTTP-network-or-cache fetch"`, refused: 1,
			answers: map[string]answer{"{page}/beacon": {Status: 401, Headers: map[string]string{"WWW-Authenticate": `Basic realm="x"`}}},
			run:     func(t *trial) { t.beacon("{page@}/beacon", "x") },
			requests: []fieldsOf{
				{"at": "{page}/beacon", "authorization": nil},
			},
		},
		{
			name: "An invalid URL, or one that is not http or https, is a TypeError", section: processingSection,
			run: func(t *trial) {
				for _, url := range []string{
					"http://[", "https://", "http://a b/", "https://localhost:99999/",
					"ftp://localhost/", "data:,x", "about:blank", "ws://localhost/", "blob:https://localhost/x", "file:///x", "javascript:0", "mailto:x@localhost",
				} {
					t.typeError(url, "x")
				}
			},
		},
		{
			name: "The URL is checked before the quota", section: processingSection,
			run: func(t *trial) { t.typeError("ftp://localhost/", make([]byte, 65_537)) },
		},
	}
}
