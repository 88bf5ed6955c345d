package warc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func sample(body string) Record {
	return Record{
		ID:     uuid.MustParse("01932e4f-7c1a-7b3e-9f7c-0242ac120002"),
		Date:   time.Date(2026, 11, 22, 6, 20, 11, 123456000, time.UTC),
		Target: "https://example.com/collect?x=1|2",
		IP:     "203.0.113.0",
		Extra:  Fields{{"Beacon-Expires", "2026-11-23T06:20:11Z"}},
		Request: Request{Method: "POST", Target: "/collect?x=1|2", Proto: "HTTP/1.1",
			Header: Fields{{"Host", "example.com"}, {"X-Twice", "a"}, {"x-twice", "b"}}, Body: []byte(body)},
	}
}

func encode(t testing.TB, r Record) []byte {
	t.Helper()
	b, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(a, b Record) bool {
	sameFields := func(a, b Fields) bool {
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i].Name != b[i].Name || strings.Trim(a[i].Value, " \t") != b[i].Value {
				return false
			}
		}
		return true
	}
	return a.ID == b.ID && a.Date.Equal(b.Date) && strings.Trim(a.Target, " \t") == b.Target && strings.Trim(a.IP, " \t") == b.IP &&
		a.Request.Method == b.Request.Method && a.Request.Target == b.Request.Target && a.Request.Proto == b.Request.Proto &&
		bytes.Equal(a.Request.Body, b.Request.Body) && sameFields(a.Extra, b.Extra) && sameFields(a.Request.Header, b.Request.Header)
}

func TestAppend_Record_ReadsBack(t *testing.T) {
	for _, body := range []string{"", "hello", "\r\n\r\n", "WARC/1.1\r\n", strings.Repeat("x", 1<<20)} {
		want := sample(body)
		b := encode(t, want)
		got, n, err := Parse(append(b, "WARC/1.1\r\n"...))
		if err != nil || n != len(b) || !same(want, got) {
			t.Errorf("body of %d bytes: %d of %d bytes, %v: %+v", len(body), n, len(b), err, got)
		}
	}
}

func TestAppend_Record_IsReadableText(t *testing.T) {
	want := "WARC/1.1\r\nWARC-Type: request\r\nWARC-Record-ID: <urn:uuid:01932e4f-7c1a-7b3e-9f7c-0242ac120002>\r\n" +
		"WARC-Date: 2026-11-22T06:20:11.123456Z\r\nWARC-Target-URI: https://example.com/collect?x=1|2\r\n" +
		"WARC-IP-Address: 203.0.113.0\r\nContent-Type: application/http;msgtype=request\r\n" +
		"Beacon-Expires: 2026-11-23T06:20:11Z\r\nWARC-Block-Digest: crc32c:"
	got := string(encode(t, sample("hello")))
	if !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q…", got, want)
	}
	if !strings.HasSuffix(got, "\r\n\r\nPOST /collect?x=1|2 HTTP/1.1\r\nHost: example.com\r\nX-Twice: a\r\nx-twice: b\r\n\r\nhello\r\n\r\n") {
		t.Errorf("got  …%q", got)
	}
}

func TestAppend_RecordThatCantReadBack_Fails(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"line break in the target":       func(r *Record) { r.Target = "http://a/\r\nWARC-Type: response" },
		"line break in a header value":   func(r *Record) { r.Request.Header[0].Value = "a\nb" },
		"colon in a header name":         func(r *Record) { r.Request.Header[0].Name = "a:b" },
		"space in the method":            func(r *Record) { r.Request.Method = "PO ST" },
		"space in the request target":    func(r *Record) { r.Request.Target = "/a b" },
		"no protocol":                    func(r *Record) { r.Request.Proto = "" },
		"a field that is no extension":   func(r *Record) { r.Extra[0].Name = "WARC-Type" },
		"the codec's own field":          func(r *Record) { r.Extra[0].Name = headDigest },
		"header larger than may be read": func(r *Record) { r.Target = strings.Repeat("x", MaxHead) },
	} {
		r := sample("x")
		change(&r)
		if b, err := r.Append([]byte("before")); err == nil || string(b) != "before" {
			t.Errorf("%s: written as %q, %v", name, b, err)
		}
	}
}

func TestParse_AnyCut_IsShort(t *testing.T) {
	b := encode(t, sample("hello"))
	for n := range b {
		if _, _, err := Parse(b[:n]); !errors.Is(err, ErrShort) {
			t.Fatalf("cut at %d of %d: %v", n, len(b), err)
		}
	}
}

// Each flipped bit is detected, except in the case of a field's name, and in the name of the field with the header's
// digest.
func TestParse_AnyFlippedBit_IsDetected(t *testing.T) {
	want := sample("hello")
	clean := encode(t, want)
	for i := range len(clean) * 8 {
		b := bytes.Clone(clean)
		b[i/8] ^= 1 << (i % 8)
		got, _, err := Parse(b)
		if err == nil && !same(want, got) && len(got.Extra) == len(want.Extra) {
			t.Fatalf("bit %d of byte %d (%q): read as another record: %+v", i%8, i/8, clean[i/8], got)
		}
	}
}

func TestParse_DamagedBlock_HasLength(t *testing.T) {
	b := encode(t, sample("hello"))
	b[len(b)-6] ^= 1
	r, _, err := Parse(b)
	var damage *CorruptError
	if !errors.As(err, &damage) || damage.Len != len(b) || r.ID != sample("").ID {
		t.Errorf("%v, record %v", err, r.ID)
	}
}

func TestParse_ForeignRecords_AreRead(t *testing.T) {
	head := "WARC/1.0\r\nWARC-Type: %s\r\nWARC-Record-ID: <urn:uuid:01932e4f-7c1a-7b3e-9f7c-0242ac120002>\r\nWARC-Date: 2026-11-22T06:20:11Z\r\n" +
		"WARC-Target-URI: <http://example.com/>\r\nWARC-Block-Digest: sha1:AAAA\r\nContent-Length: 19\r\n\r\nGET / HTTP/1.1\r\n\r\n\x00\r\n\r\n"
	r, n, err := Parse([]byte(strings.Replace(head, "%s", "request", 1)))
	if err != nil || n == 0 || r.Target != "http://example.com/" || r.Request.Method != "GET" {
		t.Errorf("%+v %d %v", r, n, err)
	}
	other := strings.Replace(head, "%s", "response", 1)
	_, n, err = Parse([]byte(other))
	var damage *CorruptError
	if !errors.As(err, &damage) || damage.Len != len(other) || n != len(other) {
		t.Errorf("a response: %d bytes, %v", n, err)
	}
}

func TestParse_LengthBeyondTheBound_IsDamage(t *testing.T) {
	b := bytes.Replace(encode(t, sample("hello")), []byte("Content-Length: 0000000"), []byte("Content-Length: 9999999"), 1)
	if _, _, err := Parse(b); errors.Is(err, ErrShort) || err == nil {
		t.Errorf("%v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("http://a/", "", "Beacon-X", "y", "POST", "/", "H", "v", []byte("body"))
	f.Fuzz(func(t *testing.T, target, ip, extraName, extraValue, method, path, name, value string, body []byte) {
		want := Record{ID: uuid.New(), Date: time.UnixMicro(1), Target: target, IP: ip, Extra: Fields{{extraName, extraValue}},
			Request: Request{Method: method, Target: path, Proto: "HTTP/1.1", Header: Fields{{name, value}}, Body: body}}
		b, err := want.Append(nil)
		if err != nil {
			return
		}
		got, n, err := Parse(b)
		if err != nil || n != len(b) || !same(want, got) {
			t.Fatalf("%q\n%+v\n%v", b, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	b := encode(f, sample("hello"))
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(append([]byte("x"), b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n, err := Parse(b)
		if err == nil && (n <= 0 || n > len(b)) {
			t.Fatalf("length %d of %d", n, len(b))
		}
		var damage *CorruptError
		if errors.As(err, &damage) && (damage.Len < 0 || damage.Len > len(b)) {
			t.Fatalf("damage of %d bytes in %d", damage.Len, len(b))
		}
		if err == nil && len(r.Request.Body) > len(b) {
			t.Fatal("a body larger than its record")
		}
		Next(b)
	})
}

func BenchmarkAppend(b *testing.B) {
	r := sample(strings.Repeat("x", 512))
	var buf []byte
	for b.Loop() {
		buf, _ = r.Append(buf[:0])
	}
}

func BenchmarkParse(b *testing.B) {
	buf := encode(b, sample(strings.Repeat("x", 512)))
	for b.Loop() {
		Parse(buf)
	}
}
