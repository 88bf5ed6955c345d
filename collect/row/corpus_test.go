package row

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// TestOf_BodiesThatSendersReallySend_AreDecoded has bodies whose label is missing, wrong or says little.
func TestOf_BodiesThatSendersReallySend_AreDecoded(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	const event = `{"event":"signup","n":1}`
	large := gzipped(`["` + strings.Repeat("x", 70_000) + `"]`)
	deep := `{"a":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + "}"
	for _, c := range []struct{ name, target, contentType, encoding, body, kind, data, err string }{
		{"an event in the query", "/g/collect?v=2&en=page_view", "text/plain;charset=UTF-8", "", "", Form, `{"v":"2","en":"page_view"}`, ""},
		{"an event in the query, without a label", "/g/collect?v=2&en=page_view", "", "", "", Form, `{"v":"2","en":"page_view"}`, ""},
		{"events in lines, with a common query", "/g/collect?v=2&tid=G-1", "text/plain;charset=UTF-8", "", "en=a&_et=1\r\nen=b&v=3", Form, `[{"v":"2","tid":"G-1","en":"a","_et":"1"},{"tid":"G-1","en":"b","v":"3"}]`, ""},
		{"an event in the query that isn't UTF-8", "/x?a=%ff", "", "", "", Form, "{\"a\":\"\uFFFD\"}", "field a: the text is not UTF-8 at byte 0; data has U+FFFD there"},
		{"lines under a form label", "/batch", form, "", "t=pageview&p=1\nt=event&p=2", Form, `[{"t":"pageview","p":"1"},{"t":"event","p":"2"}]`, ""},
		{"a form with a line break", "/x", form, "", "a=1\n2 3&b=x", Form, `{"a":"1\n2 3","b":"x"}`, "the form has line breaks that are not escaped, which a form's encoder never writes"},
		{"text under a form label", "/x", form, "", "hello", Text, `"hello"`, ""},

		{"lines of JSON in text", "/x", "text/plain", "", event + "\n" + event + "\n", JSON, "[" + event + "," + event + "]", ""},
		{"lines of JSON without a label", "/x", "", "", "[1]\n{}", JSON, "[[1],{}]", ""},
		{"lines of JSON labelled JSON", "/x", "application/json", "", event + "\n" + event, JSON, "[" + event + "," + event + "]", "the JSON is broken near byte 26: invalid character '{' after top-level value; data is that of the lines or of the base64"},
		{"lines that begin as JSON", "/x", "text/plain", "", "{}\nhello", Text, `"{}\nhello"`, ""},
		{"a JSON text sequence", "/x", "application/json-seq", "", "\x1e{\"a\":1}\n\x1e2\n", JSON, `[{"a":1},2]`, ""},
		{"a JSON text sequence without line breaks", "/x", "application/json-seq", "", "\x1e{\"a\":1}\x1e{}", JSON, `[{"a":1},{}]`, ""},
		{"a JSON text sequence of records with line breaks", "/x", "application/json-seq", "", "\x1e{\n\"a\":1}\n\x1e2\n3\n", JSON, "[{\n\"a\":1},2,3]", ""},
		{"a JSON text sequence in text", "/x", "text/plain", "", "\x1e{\"a\":1}\x1e{}", JSON, `[{"a":1},{}]`, ""},
		{"a geo+json-seq", "/x", "application/geo+json-seq", "", "\x1e{\"a\":1}\n\x1e{}\n", JSON, `[{"a":1},{}]`, ""},
		{"a stream of JSON", "/x", "application/stream+json", "", "{\"a\":1}\n{}", JSON, `[{"a":1},{}]`, ""},
		{"x-json-stream", "/x", "application/x-json-stream", "", "1\n2", JSON, `[1,2]`, ""},
		{"jsonlines", "/x", "application/jsonlines", "", "1\n2", JSON, `[1,2]`, ""},
		{"text/x-json", "/x", "text/x-json", "", event, JSON, event, ""},
		{"application/x-json", "/x", "application/x-json", "", event, JSON, event, ""},
		{"JSON labelled octet-stream", "/x", "application/octet-stream", "", event, JSON, event, ""},
		{"lines of JSON labelled octet-stream", "/x", "application/octet-stream", "", "{}\n{}", JSON, "[{},{}]", ""},
		{"a form labelled JSON", "/x", "application/json", "", "a=1&b=2", Form, `{"a":"1","b":"2"}`, "the JSON is broken near byte 1: invalid character 'a' looking for beginning of value; data is that of a form"},

		{"JSON in base64", "/x", "text/plain", "", b64([]byte(event)), JSON, event, ""},
		{"JSON in base64url, without a label", "/x", "", "", base64.RawURLEncoding.EncodeToString([]byte(`{"a":"?>?>"}`)), JSON, `{"a":"?>?>"}`, ""},
		{"JSON in base64 under a form label", "/x", form, "", b64([]byte(event)), JSON, event, ""},
		{"gzip in base64", "/x", "text/plain", "", b64([]byte(gzipped(event))), JSON, event, ""},
		{"gzip in base64 that is too large", "/x", "text/plain", "", b64([]byte(large)), Text, `"` + b64([]byte(large)) + `"`, "the base64 is not decoded: the gzip body inflates to more than 65536 bytes and is left as it is"},
		{"a field of gzip in base64 that is too large", "/x", form, "", "a=" + base64.RawURLEncoding.EncodeToString([]byte(large)), Form, `{"a":"` + base64.RawURLEncoding.EncodeToString([]byte(large)) + `"}`, "field a: the base64 is not decoded: the gzip body inflates to more than 65536 bytes and is left as it is"},
		{"a field of gzip in base64 that is cut short", "/x", form, "", "a=" + base64.RawURLEncoding.EncodeToString([]byte(large[:60])), Form, `{"a":"` + base64.RawURLEncoding.EncodeToString([]byte(large[:60])) + `"}`, "field a: the base64 is not decoded: the gzip body is cut short"},
		{"JSON in base64 that is too deep", "/x", "text/plain", "", b64([]byte(deep)), Text, `"` + b64([]byte(deep)) + `"`, "in the base64: the JSON is nested more than 100 deep at byte 104 and is not decoded"},
		{"base64 of text", "/x", "text/plain", "", b64([]byte("hello, hello")), Text, `"` + b64([]byte("hello, hello")) + `"`, ""},
		{"a field of JSON", "/x", form, "", `e=%7B%22a%22%3A1%7D&n=17&s=%5Bx`, Form, `{"e":{"a":1},"n":"17","s":"[x"}`, ""},
		{"a field of JSON in base64", "/x", form, "", "ue_px=" + b64([]byte(event)), Form, `{"ue_px":` + event + `}`, ""},
		{"a field of gzip in base64", "/x", form, "", "payload=" + strings.NewReplacer("+", "%2B", "/", "%2F").Replace(b64([]byte(gzipped(event)))), Form, `{"payload":` + event + `}`, ""},
		{"a part of JSON", "/x", "multipart/form-data; boundary=B", "", part("application/json", `form-data; name="a"; filename="blob"`, event) + part("application/json", `form-data; name="b"`, "17") + "--B--", Multipart, `{"a":` + event + `,"b":17}`, ""},
		{"a part of broken JSON", "/x", "multipart/form-data; boundary=B", "", part("application/json", `form-data; name="a"`, "{") + "--B--", Multipart, `{"a":"{"}`, "part 1 of the multipart body: the JSON is broken near byte 1: unexpected end of JSON input"},

		{"half a surrogate pair", "/x", "application/json", "", `{"title":"Hello \ud83d","n":1}`, JSON, `{"title":"Hello \ufffd","n":1}`, "the JSON has half a surrogate pair at byte 16; data has U+FFFD there"},
		{"the other half, in text", "/x", "text/plain", "", `["\uDE00\uD83D\uDE00\\ud83d"]`, JSON, `["\ufffd\uD83D\uDE00\\ud83d"]`, "the JSON has half a surrogate pair at byte 2; data has U+FFFD there"},
		{"half a pair in a line", "/x", "application/x-ndjson", "", "1\n\"\\udc00\"", JSON, `[1,"\ufffd"]`, "line 2: the JSON has half a surrogate pair at byte 1; data has U+FFFD there"},
		{"half a pair in a field", "/x", form, "", "e=" + `%7B"a":"\ud83d"%7D`, Form, `{"e":{"a":"\ufffd"}}`, "field e: the JSON has half a surrogate pair at byte 6; data has U+FFFD there"},

		{"a number beyond a double", "/x", "application/json", "", `{"s":"1e400","v":-1e400,"w":1e308}`, JSON, `{"s":"1e400","v":-1e400,"w":1e308}`, "the number at byte 17 is too large for a double: it is NULL in a column of numbers"},
		{"a number of 400 digits", "/x", "text/plain", "", "[" + strings.Repeat("1", 400) + "]", JSON, "[" + strings.Repeat("1", 400) + "]", "the number at byte 1 is too large for a double: it is NULL in a column of numbers"},

		{"a Content-Encoding that the bytes are not in", "/x", "application/json", "gzip", event, JSON, event, "the body is not in its Content-Encoding, gzip"},
		{"an encoding that is a charset", "/x", "application/json", "utf-8", event, JSON, event, "the body is not in its Content-Encoding, utf-8"},
		{"an encoding none", "/x", "text/plain", "none", "hello", Text, `"hello"`, "the body is not in its Content-Encoding, none"},
		{"gzip labelled br", "/x", "application/json", "br", gzipped(event), JSON, event, "the body is not in its Content-Encoding, br"},
		{"zeros behind gzip", "/x", "application/json", "gzip", gzipped(event) + strings.Repeat("\x00", 100), JSON, event, ""},
		{"bytes behind gzip", "/x", "application/json", "gzip", gzipped(event) + "xyz", JSON, event, "3 bytes behind the end of the gzip body are ignored"},
		{"two members of gzip", "/x", "application/json", "gzip", gzipped(event[:5]) + gzipped(event[5:]), JSON, event, ""},
		{"JSON in a charset that does not exist", "/x", "application/json; charset=klingon", "", `{"a":"ä"}`, JSON, `{"a":"ä"}`, ""},
		{"JSON in UTF-8 labelled latin1", "/x", "application/json; charset=iso-8859-1", "", `{"a":"ä"}`, JSON, `{"a":"ä"}`, ""},
		{"windows-1252", "/x", "text/plain; charset=windows-1252", "", "\x80\x81\x8d\xe4", Text, "\"€\u0081\u008dä\"", ""},
		{"windows-1252 with a byte order mark of UTF-8", "/x", "text/plain; charset=windows-1252", "", "\xef\xbb\xbfä", Text, `"ä"`, ""},
		{"windows-1253", "/x", "text/plain; charset=windows-1253", "", "\xaa\x81", Text, "\"\ufffd\u0081\"", "the text has bytes that are not characters of its charset, windows-1253; data has U+FFFD there"},
		{"UTF-16 with a byte order mark labelled windows-1252", "/x", "text/plain; charset=windows-1252", "", "\xff\xfe\x2d\x4e\x2d\x4e", Text, `"中中"`, ""},
		{"JSON in UTF-16 of ASCII characters", "/x", "application/json; charset=utf-16le", "", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", JSON, `{"a":1}`, ""},
		{"lines of JSON that resemble an envelope", "/x", "text/plain", "", `{"event_id":"a","type":"view"}` + "\n" + `{"event_id":"b","type":"click"}`, JSON, `[{"event_id":"a","type":"view"},{"event_id":"b","type":"click"}]`, ""},
		{"half a pair in each of many lines", "/x", "application/x-ndjson", "", strings.Repeat("\"\\ud800\"\n", 5), JSON, `["\ufffd","\ufffd","\ufffd","\ufffd","\ufffd"]`,
			"line 1: the JSON has half a surrogate pair at byte 1; data has U+FFFD there; line 2: the JSON has half a surrogate pair at byte 1; data has U+FFFD there; line 3: the JSON has half a surrogate pair at byte 1; data has U+FFFD there; and 2 more"},

		{"an envelope", "/api/1/envelope/", "text/plain;charset=UTF-8", "", `{"event_id":"1","sent_at":"2026-11-30T00:00:00Z"}` + "\n" + `{"type":"event"}` + "\n" + `{"message":"broke"}` + "\n" + `{"type":"attachment","length":3}` + "\n" + "\xff\n\xfe\n", Envelope,
			`{"header":{"event_id":"1","sent_at":"2026-11-30T00:00:00Z"},"items":[{"header":{"type":"event"},"payload":{"message":"broke"}},{"header":{"type":"attachment","length":3},"payload":null}]}`, "item 2 of the envelope: the payload is not text; it is null in data"},
		{"an envelope with a broken event", "/api/1/envelope/", "application/x-sentry-envelope", "", "{}\n" + `{"type":"event"}` + "\n" + `{"a":` + "\n" + `{"type":"attachment","content_type":"application/json"}` + "\nhello\n" + `{"type":"attachment","content_type":"text/plain"}` + "\n[hello", Envelope,
			`{"header":{},"items":[{"header":{"type":"event"},"payload":"{\"a\":"},{"header":{"type":"attachment","content_type":"application/json"},"payload":"hello"},{"header":{"type":"attachment","content_type":"text/plain"},"payload":"[hello"}]}`,
			"item 1 of the envelope: the JSON is broken near byte 5: unexpected end of JSON input; item 2 of the envelope: the JSON is broken near byte 1: invalid character 'h' looking for beginning of value"},
		{"an envelope with lines of JSON", "/api/1/envelope/", "application/x-sentry-envelope", "", "{}\n" + `{"type":"replay_recording","length":6}` + "\n{}\n[1]", Envelope, `{"header":{},"items":[{"header":{"type":"replay_recording","length":6},"payload":"{}\n[1]"}]}`, ""},
		{"an envelope by its label", "/api/1/envelope/", "application/x-sentry-envelope", "", "{}\n" + `{"type":"session"}` + "\n" + `{"sid":"1"}`, Envelope, `{"header":{},"items":[{"header":{"type":"session"},"payload":{"sid":"1"}}]}`, ""},
		{"an envelope that is cut short", "/api/1/envelope/", "application/x-sentry-envelope", "", "{}\n" + `{"type":"event","length":30}` + "\n" + `{"a"`, Envelope, "", "item 1 of the envelope is cut short"},
	} {
		r := record(c.contentType, c.body)
		r.Request.Target = c.target
		if c.encoding != "" {
			r.Request.Header = append(r.Request.Header, warc.Field{Name: "Content-Encoding", Value: c.encoding})
		}
		row := Of(r)
		if row.Kind != c.kind || string(row.Data) != c.data || row.Error != c.err {
			t.Errorf("%s:\ngot  %s, %s, error %q\nwant %s, %s, error %q", c.name, row.Kind, row.Data, row.Error, c.kind, c.data, c.err)
		}
		if string(row.Body) != c.body {
			t.Errorf("%s: the body was changed", c.name)
		}
	}
}

// Each field of a form can be compressed, and the form itself. All of them together inflate to maxInflated bytes.
func TestOf_ManyCompressedFields_TakeBoundedMemory(t *testing.T) {
	field := base64.URLEncoding.EncodeToString([]byte(gzipped(`["` + strings.Repeat("x", 1<<20) + `"]`)))
	var form strings.Builder
	for range 1000 {
		form.WriteString("d=" + field + "&")
	}
	for name, r := range map[string]*warc.Record{
		"form":    record("application/x-www-form-urlencoded", gzipped(form.String())),
		"lines":   record("text/plain", strings.Repeat("e=1\n", 10_000)),
		"members": record("text/plain", strings.Repeat("e=1\n", 10_000)),
	} {
		if name != "form" {
			r.Request.Target = "/x?d=" + field
		}
		if name == "members" {
			r.Extra = warc.Fields{{Name: BatchField, Value: "yes"}}
		}
		before := allocated()
		rows := Rows(r)
		size := 0
		for _, one := range rows {
			size += len(one.Data)
		}
		if spent := (allocated() - before) >> 20; spent > 300 || size > 40<<20 {
			t.Errorf("%s: %d MiB were allocated for %d rows with %d bytes of data: %.100s", name, spent, len(rows), size, rows[0].Error)
		}
	}
}
