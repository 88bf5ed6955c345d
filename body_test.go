//go:build !js

package beacon

import (
	"bytes"
	"errors"
	"math"
	"mime"
	"mime/multipart"
	"net/url"
	"os"
	"strings"
	"testing"
)

type named string

// The table of Fetch, "extract a body", in the types of Go.
func TestExtractBody_EachType_HasItsBytesAndContentType(t *testing.T) {
	for _, c := range []struct {
		name string
		data any
		want string
		kind string
	}{
		{"nothing", nil, "", ""},
		{"a string", "héllo", "héllo", "text/plain;charset=UTF-8"},
		{"an empty string", "", "", "text/plain;charset=UTF-8"},
		{"a string of a named type", named("x"), "x", "text/plain;charset=UTF-8"},
		{"a string that is not UTF-8", "a\xff\xfeb", "a\uFFFD\uFFFDb", "text/plain;charset=UTF-8"},
		{"bytes", []byte{0, 1, 255}, "\x00\x01\xff", ""},
		{"no bytes", []byte{}, "", ""},
		{"an array of bytes", [2]byte{1, 2}, "\x01\x02", ""},
		{"int8", []int8{-1}, "\xff", ""},
		{"uint16", []uint16{0x0102, 0x0304}, "\x02\x01\x04\x03", ""},
		{"int32", []int32{-2}, "\xfe\xff\xff\xff", ""},
		{"uint64", [1]uint64{1}, "\x01\x00\x00\x00\x00\x00\x00\x00", ""},
		{"float32", []float32{1}, "\x00\x00\x80\x3f", ""},
		{"float64", []float64{math.Inf(1)}, "\x00\x00\x00\x00\x00\x00\xf0\x7f", ""},
		{"a blob", Blob{Data: []byte("x"), Type: "Image/PNG"}, "x", "image/png"},
		{"a blob without a type", &Blob{Data: []byte("x")}, "x", ""},
		{"a blob whose type can't be a header", Blob{Data: []byte("x"), Type: "text/plain\r\nX: y"}, "x", ""},
		{"no blob", (*Blob)(nil), "", ""},
		{"JSON", JSON(map[string]int{"a": 1}), `{"a":1}`, "application/json"},
		{"a form", url.Values{"b": {"1 &", "*~"}, "a": {"ü"}}, "a=%C3%BC&b=1+%26&b=*%7E", "application/x-www-form-urlencoded;charset=UTF-8"},
		{"an empty form", url.Values{}, "", "application/x-www-form-urlencoded;charset=UTF-8"},
	} {
		body, kind, err := ExtractBody(c.data)
		if err != nil || string(body) != c.want || kind != c.kind {
			t.Errorf("%s: %q as %q, %v", c.name, body, kind, err)
		}
	}
}

func TestSend_DataIsNoBody_ReturnsTypeErrorWithRemedy(t *testing.T) {
	for _, c := range []struct {
		data any
		hint string
	}{
		{strings.NewReader("x"), "io.ReadAll"},
		{&bytes.Buffer{}, "io.ReadAll"},
		{os.Stdin, "io.ReadAll"},
		{struct{ A int }{1}, "beacon.JSON"},
		{map[string]int{}, "beacon.JSON"},
		{42, "beacon.JSON"},
		{true, "beacon.JSON"},
		{[]int{1}, "beacon.JSON"},
		{[]string{"a"}, "beacon.JSON"},
		{JSON(func() {}), "JSON"},
		{JSON(math.NaN()), "JSON"},
	} {
		err := Default().Send("http://127.0.0.1/", c.data)
		var typeError *TypeError
		if !errors.As(err, &typeError) || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%T: %v", c.data, err)
		}
	}
}

func TestExtractBody_FormData_IsMultipart(t *testing.T) {
	var form FormData
	form.Append("na\"me\r\n", "one\ntwo\rthree\r\nfour")
	form.Append("na\"me\r\n", "")
	form.AppendFile("file", "a\"b\n.txt", Blob{Data: []byte("raw\n\xff"), Type: "text/plain"})
	form.AppendFile("plain", "x", Blob{})
	body, kind, err := ExtractBody(form)
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(kind)
	if err != nil {
		t.Fatal(err)
	}
	boundary := params["boundary"]
	want := strings.ReplaceAll("--B\r\nContent-Disposition: form-data; name=\"na%22me%0D%0A\"\r\n\r\none\r\ntwo\r\nthree\r\nfour\r\n"+
		"--B\r\nContent-Disposition: form-data; name=\"na%22me%0D%0A\"\r\n\r\n\r\n"+
		"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b%0A.txt\"\r\nContent-Type: text/plain\r\n\r\nraw\n\xff\r\n"+
		"--B\r\nContent-Disposition: form-data; name=\"plain\"; filename=\"x\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n", "B", boundary)
	if string(body) != want {
		t.Errorf("got  %q\nwant %q", body, want)
	}
	parsed, err := multipart.NewReader(bytes.NewReader(body), boundary).ReadForm(1 << 20)
	if err != nil || len(parsed.File) != 2 || len(parsed.Value["na%22me%0D%0A"]) != 2 {
		t.Errorf("%+v, %v", parsed, err)
	}
}

// Step 1 of the processing model.
func TestSend_URL_IsParsedByTheStandard(t *testing.T) {
	for given, want := range map[string]string{
		"http://example.com":                 "http://example.com/",
		"HTTPS://Example.COM:443/a/../b#c":   "https://example.com/b",
		" http://example.com/a b\t":          "http://example.com/a%20b",
		"http://exämple.com/ü?ü='":           "http://xn--exmple-cua.com/%C3%BC?%C3%BC=%27",
		"http://a/%zz|x":                     "http://a/%zz|x",
		"http://0x7f.1:8080/":                "http://127.0.0.1:8080/",
		"http://u:p@a/":                      "http://u:p@a/",
		"http:/slashes.example\\back\\slash": "http://slashes.example/back/slash",
	} {
		to, err := Default().target(given)
		if err != nil || to.Href != want {
			t.Errorf("%q: %+v, %v", given, to, err)
		}
	}
	for _, given := range []string{"", "/relative", "//x", "nonsense://", "ftp://a/", "data:,x", "javascript:1", "http://", "http://[::1", "http://a b/", "http://a:99999/", "mailto:a@b"} {
		if err := Default().Send(given, nil); err == nil {
			t.Errorf("%q: %v", given, err)
		}
	}
}
