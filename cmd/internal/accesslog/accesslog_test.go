package accesslog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

var site = &url.URL{Scheme: "https", Host: "shop.example"}

// read returns the records of a log in words.
func read(t *testing.T, log io.Reader) (words []string, ids []uuid.UUID, r *Reader) {
	t.Helper()
	r, err := NewReader(log, site, false)
	if err != nil {
		t.Fatal(err)
	}
	for s := warc.NewStream(r); ; {
		p, err := s.Next()
		if err == io.EOF {
			return words, ids, r
		}
		if err != nil || p.Damage != nil {
			t.Fatal(err, p.Damage)
		}
		q := p.Record.Request
		words = append(words, fmt.Sprintf("%s %s %s|%s|%s|%s", p.Record.Date.UTC().Format("2006-01-02T15:04:05"), p.Record.IP, p.Record.Target, q.Target, q.Header.Get("Referer"), q.Header.Get("User-Agent")))
		ids = append(ids, p.Record.ID)
	}
}

func TestReader_EachLine_IsARecordOrCounted(t *testing.T) {
	for _, x := range []struct{ line, want string }{
		{`203.0.113.7 - frank [10/Oct/2026:13:55:36 -0700] "GET /p.gif?x=1 HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
			"2026-10-10T20:55:36 203.0.113.7 https://shop.example/p.gif?x=1|/p.gif?x=1|http://www.example.com/start.html|Mozilla/4.08 [en] (Win98; I ;Nav)"},
		{`2001:db8::1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 304 - "-" "-"`, "2026-10-10T13:55:36 2001:db8::1 https://shop.example/|/||"},
		{`host.example - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/2.0" 200 0`, "2026-10-10T13:55:36  https://shop.example/|/||"},
		{`1.2.3.4 - a [b] c [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 0 "-" "-"`, "2026-10-10T13:55:36 1.2.3.4 https://shop.example/|/||"},
		{`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET /a\"b\x22 HTTP/1.1" 200 0 "-" "x\\y\xc3\xa4\x0a" "extra"`, `2026-10-10T13:55:36 1.2.3.4 https://shop.example/a"b"|/a"b"||x\yä\x0a`},
		{`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET http://shop.example/abs?x HTTP/1.1" 200 0 "-" "-"`, "2026-10-10T13:55:36 1.2.3.4 https://shop.example/abs?x|/abs?x||"},
		{`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "POST / HTTP/1.1" 200 0 "-" "-"`, "skipped"},
		{`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 404 0 "-" "-"`, "skipped"},
		{`1.2.3.4 - - [10/Oct/2026:13:55:36 +0000] "\x16\x03\x01" 400 0 "-" "-"`, "skipped"},
		{`1.2.3.4 - - [32/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 0 "-" "-"`, "damaged"},
		{"hello", "damaged"},
		{strings.Repeat("x", maxLine+1), "damaged"},
		{"", ""},
	} {
		words, _, r := read(t, strings.NewReader(x.line+"\r\n"))
		got := strings.Join(words, " ")
		switch {
		case r.Skipped > 0:
			got += "skipped"
		case r.Damaged == 1:
			got += "damaged"
			if !strings.Contains(r.Reason.Error(), "line 1 is not in the combined format") {
				t.Errorf("%.100s: %v", x.line, r.Reason)
			}
		}
		if got != x.want {
			t.Errorf("%.100s:\ngot  %s\nwant %s", x.line, got, x.want)
		}
	}
}

func TestReader_SameLogAgain_HasTheSameIDs(t *testing.T) {
	line := `203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.0" 200 2326 "-" "-"` + "\n"
	log := line + strings.Replace(line, "203.0.113.7", "203.0.113.8", 1) + line
	_, first, _ := read(t, strings.NewReader(log))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, log)
	z.Close()
	_, second, _ := read(t, &zipped)
	if fmt.Sprint(first) != fmt.Sprint(second) || len(first) != 3 || first[0] == first[1] || first[1] == first[2] || first[0] == first[2] {
		t.Errorf("got %v and %v", first, second)
	}
}

func TestReader_LogThatGrows_IsReadOn(t *testing.T) {
	var log bytes.Buffer
	line := `203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.0" 200 2326 "-" "-"` + "\n"
	r, err := NewReader(&log, site, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []string{line + line[:20], line[20:], strings.Repeat("x", 3*maxLine), "x\n" + line} {
		log.WriteString(part)
		if _, err := io.ReadAll(r); err != nil || r.Lines != int64(i+1) || r.Damaged != int64(i/2) {
			t.Errorf("after part %d: %+v, %v", i, r.Counts, err)
		}
	}
}
