package row

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func record(contentType, body string) *warc.Record {
	r := &warc.Record{
		ID:      uuid.MustParse("0190a0b0-1234-7000-8000-000000000001"),
		Date:    time.Date(2026, 11, 22, 6, 20, 11, 123456789, time.UTC),
		Target:  "http://127.0.0.1:8080/x",
		IP:      "203.0.113.0",
		Request: warc.Request{Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: []byte(body)},
	}
	if contentType != "" {
		r.Request.Header = warc.Fields{{Name: "Content-Type", Value: contentType}}
	}
	return r
}

const form = "application/x-www-form-urlencoded"

func TestOf_EachContentType_IsDecoded(t *testing.T) {
	for _, c := range []struct{ name, contentType, body, kind, data, err string }{
		{"text is a JSON string", "text/plain;charset=UTF-8", "a <b>\n", Text, `"a <b>\n"`, ""},
		{"text that is a JSON object is JSON", "text/plain", "\ufeff {\"a\":1}\n", JSON, " {\"a\":1}\n", ""},
		{"text that only looks like JSON stays text", "text/plain", `{"a":1`, Text, `"{\"a\":1"`, ""},
		{"text that is JSON 101 deep stays text", "text/plain", strings.Repeat("[", 101) + strings.Repeat("]", 101), Text, `"` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `"`, "the JSON is nested more than 100 deep at byte 100 and is not decoded"},
		{"octets that are JSON 101 deep are not decoded", "application/octet-stream", strings.Repeat("[", 101) + strings.Repeat("]", 101), Binary, "", "the JSON is nested more than 100 deep at byte 100 and is not decoded; a body of the type application/octet-stream is not decoded"},
		{"a number in text stays text", "text/plain", "17", Text, `"17"`, ""},
		{"other text that is JSON stays text", "text/html", "[1]", Text, `"[1]"`, ""},
		{"text that is a form is a form", "text/plain", "a=1&b%5B%5D=%C3%BC+x", Form, `{"a":"1","b[]":"ü x"}`, ""},
		{"a form in text may have addresses in it", "text/plain", "u=https://x.example/?q", Form, `{"u":"https://x.example/?q"}`, ""},
		{"an address is no form", "text/plain", "https://x.example/?a=b", Text, `"https://x.example/?a=b"`, ""},
		{"a sentence is no form", "text/plain", "a = b", Text, `"a = b"`, ""},
		{"base64 is no form", "text/plain", "aGVsbG8hIQ==", Text, `"aGVsbG8hIQ=="`, ""},
		{"a broken escape is no form's", "text/plain", "a=100%", Text, `"a=100%"`, ""},
		{"a field without a value is no form's", "text/plain", "a=1&b", Text, `"a=1&b"`, ""},
		{"any text is text", "text/csv; header=present", "a,b", Text, `"a,b"`, ""},
		{"empty text is an empty string", "text/plain", "", Text, `""`, ""},
		{"text that isn't UTF-8 is mended and says where", "text/plain", "ab\xffc", Text, "\"ab\uFFFDc\"", "the text is not UTF-8 at byte 2; data has U+FFFD there"},
		{"NUL in text is kept", "text/plain", "a\x00b", Text, `"a\u0000b"`, ""},
		{"text in another charset", "text/plain; charset=iso-8859-1", "\xe4", Text, `"ä"`, ""},
		{"JSON in UTF-16 by its mark", "application/json", "\xff\xfe[\x00\"\x00\xe4\x00\"\x00]\x00", JSON, `["ä"]`, ""},
		{"JSON in UTF-16 by its mark, labelled UTF-8", "application/json; charset=utf-8", "\xfe\xff\x00[\x00\"\x00\xe4\x00\"\x00]", JSON, `["ä"]`, ""},
		{"text in UTF-16 by its mark", "text/plain", "\xff\xfe\xe4\x00", Text, `"ä"`, ""},
		{"text in UTF-16 that is cut short", "text/plain", "\xff\xfe\xe4\x00a", Text, "\"ä\uFFFD\"", "the text has bytes that are not characters of its charset, utf-16; data has U+FFFD there"},
		{"JSON in UTF-16 without a label", "", "\xff\xfe[\x001\x00]\x00", JSON, "[1]", ""},
		{"JSON in UTF-16 labelled as octets", "application/octet-stream", "\xff\xfe[\x001\x00]\x00", JSON, "[1]", ""},
		{"octets that begin as UTF-16", "", "\xff\xfe\x00\xd8\x00", Binary, "", "the body has no type and is not text, so it is not decoded"},
		{"JSON in UTF-16", "application/json; charset=utf-16", "[\x00\"\x00\xe4\x00\"\x00]\x00", JSON, `["ä"]`, ""},
		{"a byte order mark says more than the charset", "application/json; charset=latin1", "\xef\xbb\xbf[\"ä\"]", JSON, `["ä"]`, ""},
		{"a form of Java's", form + "; charset=ISO-8859-1", "a=1&b=%C3%A4", Form, `{"a":"1","b":"ä"}`, ""},
		{"an empty charset is none", "text/plain; charset=", "ä", Text, `"ä"`, ""},
		{"text in a charset that browsers refuse is left alone", "text/plain; charset=iso-2022-kr", "x", Text, "", "the charset iso-2022-kr is not known: utf-8 is, and the others that browsers know"},
		{"text in an unknown charset that is UTF-8", "text/plain; charset=klingon", "x", Text, `"x"`, "the charset klingon is not known, and the text is UTF-8"},
		{"text in an unknown charset that is not UTF-8", "text/plain; charset=klingon", "\xff", Text, "", "the charset klingon is not known: utf-8 is, and the others that browsers know"},
		{"a quoted charset counts", `text/plain; charset="UTF-8"`, "a", Text, `"a"`, ""},
		{"of two charsets the first counts", "text/plain; charset=utf-8; charset=latin1", "a", Text, `"a"`, ""},

		{"JSON is kept byte for byte", "application/json", `{"b": 1.0000000000000000000001, "a": 1e2}`, JSON, `{"b": 1.0000000000000000000001, "a": 1e2}`, ""},
		{"a scalar is JSON", "application/json", " null", JSON, " null", ""},
		{"a +json type is JSON", "application/vnd.api+json", "[1]", JSON, "[1]", ""},
		{"the type's case does not matter", "Application/JSON", "[1]", JSON, "[1]", ""},
		{"a byte order mark is passed over", "application/json", "\ufeff[1]", JSON, "[1]", ""},
		{"broken JSON says where", "application/json", `{"a":1,}`, JSON, "", "the JSON is broken near byte 8: invalid character '}' looking for beginning of object key string"},
		{"JSON that is cut short says so", "application/json", `{"a":`, JSON, "", "the JSON is broken near byte 5: unexpected end of JSON input"},
		{"two JSON values are broken JSON", "application/json", "1 2", JSON, "", "the JSON is broken near byte 3: invalid character '2' after top-level value"},
		{"no JSON at all says so", "application/json", "", JSON, "", "the JSON is missing: the body is empty"},
		{"JSON that isn't UTF-8 says where", "application/json", "\"\xff\"", JSON, "", "the JSON is not UTF-8 at byte 1"},
		{"JSON 100 deep is kept", "application/json", strings.Repeat("[", 100) + strings.Repeat("]", 100), JSON, strings.Repeat("[", 100) + strings.Repeat("]", 100), ""},
		{"JSON 101 deep is not", "application/json", strings.Repeat("[", 101) + strings.Repeat("]", 101), JSON, "", "the JSON is nested more than 100 deep at byte 100"},
		{"brackets in a string have no depth", "application/json", `"\"` + strings.Repeat("[", 200) + `"`, JSON, `"\"` + strings.Repeat("[", 200) + `"`, ""},

		{"a form is an object in its order", form, "b=2&a=1", Form, `{"b":"2","a":"1"}`, ""},
		{"a repeated name is an array", form, "a=1&b=2&a=3", Form, `{"a":["1","3"],"b":"2"}`, ""},
		{"a plus is a space", form + ";charset=UTF-8", "a+b=c%2Bd", Form, `{"a b":"c+d"}`, ""},
		{"a bad escape is kept", form, "a=%zz%4", Form, `{"a":"%zz%4"}`, ""},
		{"an escape that isn't UTF-8 is mended", form, "a=%ff", Form, "{\"a\":\"\uFFFD\"}", "field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"an escape of latin1", form, "a=caf%E9", Form, "{\"a\":\"caf\uFFFD\"}", "field a: the text is not UTF-8 at byte 3; data has U+FFFD there"},
		{"an escape of half a surrogate pair", form, "a=%ED%A0%BD", Form, "{\"a\":\"\uFFFD\uFFFD\uFFFD\"}", "field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"a name that isn't UTF-8", form, "%FF=1", Form, "{\"\uFFFD\":\"1\"}", "the name of field \uFFFD: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"escapes of windows-1252", form + "; charset=windows-1252", "a=%80%E9&%E9={}", Form, `{"a":"€é","é":{}}`, ""},
		{"bytes of windows-1252", form + "; charset=windows-1252", "a=\x80%E9", Form, `{"a":"€é"}`, ""},
		{"escapes of windows-1252 in text", "text/plain; charset=windows-1252", "a=%80%E9", Form, `{"a":"€é"}`, ""},
		{"escapes of windows-1252 labelled JSON", "application/json; charset=windows-1252", "a=%80%E9", Form, `{"a":"€é"}`, "the JSON is broken near byte 1: invalid character 'a' looking for beginning of value; data is that of a form"},
		{"lines of forms in windows-1252", form + "; charset=windows-1252", "a=%80\nb=%E9", Form, `[{"a":"€"},{"b":"é"}]`, ""},
		{"escapes of Shift_JIS", form + "; charset=Shift_JIS", "a=%83%5C", Form, `{"a":"ソ"}`, ""},
		{"escapes of ISO-2022-JP", form + "; charset=iso-2022-jp", "a=%1B%24B%46%7C%1B%28B", Form, `{"a":"日"}`, ""},
		{"bytes of ISO-2022-JP", form + "; charset=iso-2022-jp", "a=\x1b$B%=\x1b(B", Form, `{"a":"ソ"}`, ""},
		{"bytes that are not ISO-2022-JP", form + "; charset=iso-2022-jp", "a=\x1b$B%\xff\x1b(B", Form, "{\"a\":\"\uFFFD\"}", "the text has bytes that are not characters of its charset, iso-2022-jp; data has U+FFFD there"},
		{"UTF-8 in a form labelled windows-1253", form + "; charset=windows-1253", "a=\xc3\xaa", Form, `{"a":"ê"}`, ""},
		{"a form that is not in its charset", form + "; charset=windows-1253", "a=%AA", Form, "{\"a\":\"\uFFFD\"}", "field a: the text has bytes that are not characters of its charset, windows-1253; data has U+FFFD there"},
		{"a form in an unknown charset", form + "; charset=klingon", "a=%E9", Form, "{\"a\":\"\uFFFD\"}", "the charset klingon is not known, and the text is UTF-8; field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"a form in UTF-8 labelled UTF-16 by its mark", form, "\xff\xfea\x00=\x001\x00", Form, `{"a":"1"}`, ""},
		{"a form that names its charset", form, "a=%80%E9&_charset_=windows-1252", Form, `{"a":"€é","_charset_":"windows-1252"}`, ""},
		{"a form that names UTF-8", form + "; charset=latin1", "_charset_=UTF-8&a=%E9", Form, "{\"_charset_\":\"UTF-8\",\"a\":\"\uFFFD\"}", "field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"a form that names an unknown charset", form, "_charset_=klingon&a=1", Form, `{"_charset_":"klingon","a":"1"}`, "field _charset_: the charset klingon is not known"},
		{"a form that does not name its charset", form, "_charset_=&a=1", Form, `{"_charset_":"","a":"1"}`, ""},
		{"a field of JSON 101 deep", form, "a=" + strings.Repeat("[", 101) + strings.Repeat("]", 101), Form, `{"a":"` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `"}`, "field a: the JSON is nested more than 100 deep at byte 100 and is not decoded"},
		{"broken JSON labelled as a form", form, "[1,2", Text, `"[1,2"`, "the body is not a form, as its Content-Type says: the JSON is broken near byte 4: unexpected end of JSON input; data is the text"},
		{"JSON 101 deep labelled as a form", form, strings.Repeat("[", 101), Text, `"` + strings.Repeat("[", 101) + `"`, "the JSON is nested more than 100 deep at byte 100 and is not decoded"},
		{"separators labelled as a form", form, "&&&", Text, `"&&&"`, "the body is not a form, as its Content-Type says: no field has a value; data is the text"},

		{"a name without a value has an empty one", form, "a&&=b", Form, `{"a":"","":"b"}`, ""},
		{"a form's data in base64 is the JSON in it", form, "data=eyJhIjpbIj4+PiIsIj8/PyJdfQ==&data=eyJhIjpbIj4-PiIsIj8_PyJdfQ&more=e30", Form, `{"data":[{"a":[">>>","???"]},{"a":[">>>","???"]}],"more":"e30"}`, ""},
		{"data that is no JSON in base64 stays as it is", form, "data=eyJh&data=17&data=e30", Form, `{"data":["eyJh","17","e30"]}`, ""},
		{"JSON labelled as a form is JSON", form, `{"a":"b=c"}`, JSON, `{"a":"b=c"}`, ""},
		{"an empty form is an empty object", form, "", Form, "{}", ""},
		{"1,000 fields are a form", form, strings.Repeat("a=&", 1000), Form, `{"a":[` + strings.Repeat(`"",`, 999) + `""]}`, ""},
		{"1,001 fields are not", form, strings.Repeat("a=&", 1001), Form, "", "the form has more than 1000 fields"},

		{"fields and files", "multipart/form-data; boundary=B",
			part("", `form-data; name="a"`, "1") + part("text/css", `form-data; name="f"; filename="ü\b.css"`, "body{}") + part("", `form-data; name="a"`, "2") + "--B--\r\n",
			Multipart, `{"a":["1","2"],"f":{"filename":"ü\\b.css","type":"text/css","size":6}}`, ""},
		{"no fields", "multipart/form-data; boundary=B", "--B--\r\n", Multipart, "{}", ""},
		{"a quoted boundary", `multipart/form-data; boundary="B"`, part("", `form-data; name="a"`, "1") + "--B--", Multipart, `{"a":"1"}`, ""},
		{"a part that is JSON in base64", "multipart/form-data; boundary=B", part("", `form-data; name="data"`, "eyJhIjoxfQ==") + "--B--", Multipart, `{"data":{"a":1}}`, ""},
		{"no boundary", "multipart/form-data", "--B--", Multipart, "", "the multipart body can't be divided: its Content-Type has no boundary"},
		{"no closing boundary", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "1"), Multipart, "", "part 1 of the multipart body is cut short: its closing boundary is missing"},
		{"cut short in a part", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nxx", Multipart, "", "part 1 of the multipart body is cut short: its closing boundary is missing"},
		{"cut short in a part's header", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "1") + "--B\r\nContent-Disposition: form-data; name=\"b\"\r\n", Multipart, `{"a":"1"}`, "part 2 of the multipart body is cut short: its closing boundary is missing"},
		{"cut short in the last part", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "1") + "--B\r\nContent-Disposition: form-data; name=b\r\n\r\nxx", Multipart, `{"a":"1"}`, "part 2 of the multipart body is cut short: its closing boundary is missing"},
		{"a broken header in the last part", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "1") + "--B\r\nbroken\r\n\r\nxx\r\n--B--", Multipart, `{"a":"1"}`, "part 2 of the multipart body is broken: malformed MIME header: missing colon: \"broken\""},
		{"a part without a name between others", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "1") + part("", "form-data", "2") + part("", `form-data; name="b"`, "3") + "--B--", Multipart, `{"a":"1","b":"3"}`, "part 2 of the multipart body is not a field: it has no name"},
		{"a field that isn't UTF-8", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "\xff\xe9") + "--B--", Multipart, "{\"a\":\"\uFFFD\uFFFD\"}", "field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"names that aren't UTF-8", "multipart/form-data; boundary=B", part("text/css", "form-data; name=\"\xff\"; filename=\"\xfe\"", "") + "--B--", Multipart, "{\"\uFFFD\":{\"filename\":\"\uFFFD\",\"type\":\"text/css\",\"size\":0}}", "the name of field \uFFFD: the text is not UTF-8 at byte 0; data has U+FFFD there; the name of the file in field \uFFFD: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"a part with a charset", "multipart/form-data; boundary=B", part("text/plain; charset=windows-1252", `form-data; name="a"`, "\x80\xe9") + "--B--", Multipart, `{"a":"€é"}`, ""},
		{"a part in UTF-16", "multipart/form-data; boundary=B", part("text/plain; charset=utf-16le", `form-data; name="a"`, "\xe9\x00") + "--B--", Multipart, `{"a":"é"}`, ""},
		{"a part with an unknown charset", "multipart/form-data; boundary=B", part("text/plain; charset=klingon", `form-data; name="a"`, "x") + "--B--", Multipart, `{"a":"x"}`, "part 1 of the multipart body: the charset klingon is not known, and the text is UTF-8"},
		{"a part of JSON with a charset", "multipart/form-data; boundary=B", part("application/json; charset=latin1", `form-data; name="a"`, "\"\xe9\"") + "--B--", Multipart, `{"a":"é"}`, ""},
		{"parts that name their charset", "multipart/form-data; boundary=B", part("", `form-data; name="a"`, "\x80\xe9") + part("", `form-data; name="_charset_"`, "windows-1252") + "--B--", Multipart, `{"a":"€é","_charset_":"windows-1252"}`, ""},
		{"a part without a name", "multipart/form-data; boundary=B", part("", "form-data", "1") + "--B--", Multipart, "", "part 1 of the multipart body is not a field: it has no name"},
		{"1,001 parts", "multipart/form-data; boundary=B", strings.Repeat(part("", `form-data; name="a"`, "1"), 1001) + "--B--", Multipart, "", "the form has more than 1000 fields"},

		{"other types are binary", "application/octet-stream", "hello", Binary, "", "a body of the type application/octet-stream is not decoded"},
		{"the charset of a binary body does not matter", "image/svg+xml; charset=latin1", "<svg/>", Binary, "", "a body of the type image/svg+xml is not decoded"},
		{"what isn't a type is no label", "nonsense", "x", Text, `"x"`, ""},
		{"JSON without a label", "", "[1]", JSON, "[1]", ""},
		{"a form without a label", "", "a=1", Form, `{"a":"1"}`, ""},
		{"text without a label", "", "hello, world\n", Text, `"hello, world\n"`, ""},
		{"bytes without a label", "", "hello\x00", Binary, "", "the body has no type and is not text, so it is not decoded"},
		{"what is not UTF-8 and has no label", "", "h\xe4llo", Binary, "", "the body has no type and is not text, so it is not decoded"},
		{"lines of JSON are an array", "application/jsonl", "{\"a\":1}\r\n\r\n2\n", JSON, `[{"a":1},2]`, ""},
		{"a broken line of JSON says which", "application/x-ndjson", "1\n{", JSON, "", "line 2: the JSON is broken near byte 1: unexpected end of JSON input"},
		{"10,001 lines of JSON are too many", "application/x-ndjson", strings.Repeat("1\n", 10001), JSON, "", "the body has more than 10000 lines"},
		{"reports", "application/reports+json", `[{"type":"deprecation"}]`, Report, `[{"type":"deprecation"}]`, ""},
		{"a CSP report", "application/csp-report", `{"csp-report":{}}`, Report, `{"csp-report":{}}`, ""},
		{"a broken report says where", "application/csp-report", `{`, Report, "", "the JSON is broken near byte 1: unexpected end of JSON input"},
		{"no type and no body is a ping", "", "", Ping, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := Of(record(c.contentType, c.body))
			if row.Kind != c.kind || string(row.Data) != c.data || row.Error != c.err {
				t.Errorf("got %s, %s, error %q\nwant %s, %s, error %q", row.Kind, row.Data, row.Error, c.kind, c.data, c.err)
			}
			if string(row.Body) != c.body || row.ContentType != c.contentType {
				t.Error("the body or its type was changed")
			}
		})
	}
}

func TestOf_HyperlinkPing_HasFromAndTo(t *testing.T) {
	r := record("text/ping", "PING")
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "Ping-From", Value: "https://a.example/?x&y"}, warc.Field{Name: "Ping-To", Value: "https://b.example/"})
	if row := Of(r); row.Kind != Ping || string(row.Data) != `{"from":"https://a.example/?x&y","to":"https://b.example/"}` || row.Error != "" {
		t.Errorf("%s, %s, error %q", row.Kind, row.Data, row.Error)
	}
	r.Request.Header = r.Request.Header.Without("Ping-From")
	if row := Of(r); string(row.Data) != `{"to":"https://b.example/"}` {
		t.Errorf("without Ping-From: %s", row.Data)
	}
}

func TestOf_Pixel_HasQueryAsData(t *testing.T) {
	for target, want := range map[string]string{
		"/a.gif?x=1&y=%C3%BC+z&x=2": `{"x":["1","2"],"y":"ü z"}`,
		"/a.gif?data=eyJhIjoxfQ==":  `{"data":{"a":1}}`,
		"/a.gif?17":                 `{"17":""}`,
		"/a.gif":                    `{}`,
		"/a.gif?a=%ff":              "{\"a\":\"\uFFFD\"}",
	} {
		r := record("", "")
		r.Request.Method, r.Request.Target = "GET", target
		if row := Of(r); row.Kind != Pixel || string(row.Data) != want || (row.Error != "") != strings.HasSuffix(target, "%ff") {
			t.Errorf("%s: %s, %s, error %q", target, row.Kind, row.Data, row.Error)
		}
	}
}

func part(contentType, disposition, body string) string {
	if contentType != "" {
		contentType = "\r\nContent-Type: " + contentType
	}
	return fmt.Sprintf("--B\r\nContent-Disposition: %s%s\r\n\r\n%s\r\n", disposition, contentType, body)
}

func TestTarget_EachForm_IsSplit(t *testing.T) {
	for _, c := range []struct{ target, stream, query string }{
		{"/collect", "/collect", ""},
		{"/a/b?x=1&y=%20?z", "/a/b", "x=1&y=%20?z"},
		{"/%zz/\xff", "/%zz/\uFFFD", ""},
		{"http://example.com/a?b", "/a", "b"},
		{"http://example.com", "/", ""},
		{"http://example.com?b", "/", "b"},
		{"/go?to=http://example.com/", "/go", "to=http://example.com/"},
		{"", "/", ""},
	} {
		if stream, query := Target(c.target); stream != c.stream || query != c.query {
			t.Errorf("%q: stream %q, query %q", c.target, stream, query)
		}
	}
}

func TestOf_KeyOrDate_IsSentAt(t *testing.T) {
	id := "0190a0b0-1234-7000-8000-000000000001"
	date := warc.Field{Name: "Date", Value: "Sun, 22 Nov 2026 06:20:11 GMT"}
	for _, c := range []struct {
		name   string
		header warc.Fields
		want   string
	}{
		{"in its key", warc.Fields{{Name: "idempotency-key", Value: `"` + id + `"`}, date}, "2024-07-11T07:26:51.956Z"},
		{"in a bare key", warc.Fields{{Name: "Idempotency-Key", Value: id}}, "2024-07-11T07:26:51.956Z"},
		{"in its Date, if the key is another id", warc.Fields{{Name: "Idempotency-Key", Value: "0190a0b0-1234-7000-8000-000000000002"}, date}, "2026-11-22T06:20:11Z"},
		{"in its Date, if the key has no time", warc.Fields{{Name: "Idempotency-Key", Value: "order-66"}, date}, "2026-11-22T06:20:11Z"},
		{"in a Date of the old form", warc.Fields{{Name: "Date", Value: "Sunday, 22-Nov-26 06:20:11 GMT"}}, "2026-11-22T06:20:11Z"},
		{"nowhere", warc.Fields{{Name: "Date", Value: "yesterday"}}, "0001-01-01T00:00:00Z"},
	} {
		r := record("", "")
		r.Request.Header = c.header
		if got := Of(r).SentAt.Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRow_MarshalJSON_ShortensText(t *testing.T) {
	r := record("text/plain", "<ä>\xff")
	r.Request.Header = append(r.Request.Header, warc.Field{Name: "User-Agent", Value: "x\xffy"})
	got, err := json.Marshal(Of(r))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"0190a0b0-1234-7000-8000-000000000001","received_at":"2026-11-22T06:20:11.123456Z","sent_at":null,` +
		`"stream":"/x","query":"","origin":"","referrer":"","user_agent":"x` + "\uFFFD" + `y","ip":"203.0.113.0","content_type":"text/plain",` +
		`"kind":"text","size":5,"text":null,"data":"\u003cä\u003e` + "\uFFFD" + `","error":"the text is not UTF-8 at byte 4; data has U+FFFD there","bot":false}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	long := Of(record("", strings.Repeat("a", 2047)+"ä"))
	var view struct {
		Text string
		Size int
		Data any
	}
	if b, _ := long.MarshalJSON(); json.Unmarshal(b, &view) != nil || view.Text != strings.Repeat("a", 2047) || view.Size != 2049 {
		t.Errorf("a long text was cut to %d bytes of %d", len(view.Text), view.Size)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("application/json", "", []byte(`{"a":[1,"\ud800"]}`), "/a?b", "x")
	f.Add("multipart/form-data; boundary=B", "", []byte("--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B--"), "http://x", "\"")
	f.Add(form, "", []byte("a=%ff&a=%00&data=eyJhIjoxfQ&=&"), "", "Sun, 22 Nov 2026 06:20:11 GMT")
	f.Add(`text/plain; charset="utf\-8`, "identity", []byte("\xff\x00"), "/\xff", "0190a0b0-1234-7000-8000-000000000001")
	f.Add("application/x-ndjson", "", []byte("1\n{}\n["), "/x.gif?a", "")
	f.Add("", "", []byte(gzipped("[1,2]")), "", "")
	f.Add("text/plain", "none", []byte("a=1\nb=2"), "/x?c=3", "")
	f.Add("text/plain", "", []byte("{\"event_id\":\"1\"}\n{\"type\":\"event\",\"length\":2}\n{}\n"), "/envelope/", "")
	f.Add("text/plain", "", []byte("eyJhIjoiXHVkODNkIn0="), "/x", "")
	f.Add("application/x-protobuf", "", bytes.Repeat([]byte("\x0a\x00"), 1<<19), "/v1/traces", "")
	f.Add("application/x-protobuf", "", []byte("\x0a\x12\x12\x10\x12\x0e\x2a\x0cname of a span"), "/otlp/v1/traces", "")
	for coding, writer := range bombs {
		f.Add("text/plain", coding, []byte(packed("[1,2]", writer)), "", "")
		f.Add("text/ping", "gzip, "+coding, []byte(packed(strings.Repeat("[", 1<<20), writer)), "", "")
	}
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte, target, value string) {
		r := record(contentType, string(body))
		r.Request.Target = target
		if strings.Contains(target, ".gif") {
			r.Request.Method = "GET"
		}
		for _, name := range []string{"Date", "Idempotency-Key", "Origin", "User-Agent", "Ping-From"} {
			r.Request.Header = append(r.Request.Header, warc.Field{Name: name, Value: value})
		}
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "Content-Encoding", Value: encoding})
		before := allocated()
		row := Of(r)
		// Zstandard and Brotli have windows of their own, four times at most.
		if spent, most := allocated()-before, uint64(256<<20+100*len(body)); spent > most {
			t.Errorf("%d bytes cost %d", len(body), spent)
		}
		if !bytes.Equal(row.Body, body) {
			t.Error("the body was changed")
		}
		check(t, row)
		r.Extra = warc.Fields{{Name: BatchField, Value: "yes"}}
		rows := Rows(r)
		if len(rows) == 0 || len(rows) > maxMembers {
			t.Errorf("%d rows", len(rows))
		}
		for _, row := range rows {
			check(t, row)
		}
	})
}

// check says whether an engine can take the row.
func check(t *testing.T, row Row) {
	if row.Data != nil && (!json.Valid(row.Data) || !utf8.Valid(row.Data)) {
		t.Errorf("data is not JSON: %q", row.Data)
	}
	for _, s := range []string{row.Stream, row.Query, row.Origin, row.ContentType, row.Error} {
		if !utf8.ValidString(s) {
			t.Errorf("%q is not UTF-8", s)
		}
	}
	if b, err := json.Marshal(row); err != nil || !json.Valid(b) {
		t.Errorf("row as JSON: %s, %v", b, err)
	}
}
