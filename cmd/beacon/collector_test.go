//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestBadInput sends what no decent client sends. Each gets a clear answer or is a row
// with the reason, and what comes afterwards is collected as ever.
func TestBadInput(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	address := strings.TrimPrefix(s.URL, "http://")
	post := func(head, body string) string {
		return "POST /bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + "\r\n" + body
	}
	sized := func(kind, body string) string {
		return post(fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", kind, len(body)), body)
	}
	for _, c := range []struct {
		name, raw string
		hangUp    bool // the client is gone in the middle
		status    int  // 0: the connection ends without an answer
		kind, why string
	}{
		{name: "garbage", raw: "\x16\x03\x01\x02\x00garbage\r\n\r\n", status: 400},
		{name: "half a request line", raw: "POST /b", hangUp: true},
		{name: "half a header", raw: "POST /bad HTTP/1.1\r\nHost: x\r\nConte", hangUp: true},
		{name: "half a body", raw: post("Content-Length: 100\r\n", "only this"), hangUp: true},
		{name: "a body longer than its Content-Length", raw: post("Content-Type: text/plain\r\nContent-Length: 3\r\n", "abcdef"), status: 204, kind: "text"},
		{name: "a negative Content-Length", raw: post("Content-Length: -1\r\n", "x"), status: 400},
		{name: "two Content-Lengths", raw: post("Content-Length: 1\r\nContent-Length: 2\r\n", "xx"), status: 400},
		{name: "chunks that are none", raw: post("Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n"), status: 400},
		{name: "chunks that end too early", raw: post("Transfer-Encoding: chunked\r\n", "5\r\nhel"), hangUp: true},
		{name: "chunks that never end", raw: post("Transfer-Encoding: chunked\r\n", strings.Repeat("10000\r\n"+strings.Repeat("x", 0x10000)+"\r\n", 20)), status: 413},
		{name: "a length over the limit", raw: post("Content-Length: 99999999999\r\n", ""), status: 413},
		{name: "a header over the limit", raw: post("X: "+strings.Repeat("x", 100<<10)+"\r\n", ""), status: 431},
		{name: "no UTF-8", raw: sized("text/plain;charset=UTF-8", "a\xff\xfe"), status: 204, kind: "text", why: "UTF-8"},
		{name: "JSON that is none", raw: sized("application/json", `{"a":`), status: 204, kind: "json", why: "JSON"},
		{name: "deep JSON", raw: sized("application/json", strings.Repeat("[", 5000)+strings.Repeat("]", 5000)), status: 204, kind: "json", why: "deep"},
		{name: "half a surrogate pair", raw: sized("application/json", `"\ud800"`), status: 204, kind: "json", why: "JSON"},
		{name: "multipart without a boundary", raw: sized("multipart/form-data", "x"), status: 204, kind: "multipart", why: "boundary"},
		{name: "multipart that ends early", raw: sized("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"), status: 204, kind: "multipart", why: " "},
		{name: "a form with broken escapes", raw: sized("application/x-www-form-urlencoded", "a=%zz&%ff=%"), status: 204, kind: "form", why: "not UTF-8"},
		{name: "a Content-Type that is none", raw: sized(";;;=", "x"), status: 204, kind: "text"},
		{name: "a Content-Encoding that is none", raw: post("Content-Encoding: wool\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n", "x"), status: 204, kind: "text", why: "wool"},
		{name: "a key that is no UUID", raw: post("Idempotency-Key: \"what ever\"\r\nContent-Length: 0\r\n", ""), status: 204, kind: "ping"},
	} {
		before := len(s.query("select id from beacons where stream='/bad'"))
		status := talk(t, address, c.raw, c.hangUp)
		if status != c.status {
			t.Errorf("%s: status %d, want %d", c.name, status, c.status)
		}
		rows := s.query("select kind, error from beacons where stream='/bad' order by received_at, id")
		if kept := len(rows) - before; (kept == 1) != (c.status == 204) || kept > 1 {
			t.Errorf("%s: %d rows more", c.name, kept)
			continue
		}
		if c.status == 204 {
			row := rows[len(rows)-1]
			why, _ := row["error"].(string)
			if row["kind"] != c.kind || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
				t.Errorf("%s: %v", c.name, row)
			}
		}
	}
	if status := talk(t, address, sized("text/plain", "still here"), false); status != 204 {
		t.Errorf("at the end: %d", status)
	}
	s.stop()
}

// talk sends raw bytes and returns the status of the answer.
func talk(t *testing.T, address, raw string, hangUp bool) (status int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		io.WriteString(conn, raw)
		if hangUp {
			conn.(*net.TCPConn).CloseWrite()
		}
	}()
	answer := make([]byte, 4096)
	n, _ := io.ReadFull(conn, answer[:12])
	if n < 12 {
		return 0
	}
	status, _ = strconv.Atoi(string(answer[9:12]))
	if hangUp {
		return 0 // the client does not read the answer
	}
	return status
}

func TestEveryKindOfBeaconBecomesRows(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0", "--batch", "/events", "--batch", "/other")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, "{\"n\":1}\n{\"n\":2}\n")
	z.Close()
	for _, c := range []struct {
		method, path, body string
		header             http.Header
	}{
		{"POST", "/events", zipped.String(), http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}},
		{"POST", "/link", "PING", http.Header{"Content-Type": {"text/ping"}, "Ping-To": {"https://b.example/"}}},
		{"GET", "/mail.gif?n=3", "", http.Header{"User-Agent": {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}},
		{"POST", "/single", "[4]", http.Header{"Content-Type": {"application/reports+json"}}},
	} {
		req, err := http.NewRequest(c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = c.header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode/100 != 2 {
			t.Errorf("%s %s: %s", c.method, c.path, res.Status)
		}
	}
	var got []string
	for _, row := range s.waitRows(5, "select stream || ' ' || kind || ' ' || data::varchar || ' ' || bot as line from beacons order by line") {
		got = append(got, row["line"].(string))
	}
	want := []string{
		`/events json {"n":1} false`, `/events json {"n":2} false`, `/link ping {"to":"https://b.example/"} false`,
		`/mail.gif pixel {"n":"3"} true`, `/single report [4] false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestDamageInTheInboxIsARowAndNothingElseIsLost flips a bit in a record that the
// collector has acknowledged and not put into the table yet.
func TestDamageInTheInboxIsARowAndNothingElseIsLost(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for _, body := range []string{"first", "second", "third"} {
		res, err := http.Post(s.URL+"/damage", "text/plain", strings.NewReader(body))
		if err != nil || res.StatusCode != 204 {
			t.Fatal(res, err)
		}
	}
	s.stop()
	// Without its table the collector fills it again from the inbox.
	if err := os.RemoveAll(filepath.Join(p.data, tableDir)); err != nil {
		t.Fatal(err)
	}
	segments, _ := filepath.Glob(filepath.Join(p.data, "inbox", "*.warc"))
	text, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	text[bytes.Index(text, []byte("second"))] ^= 4
	if err := os.WriteFile(segments[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	s = p.serve("127.0.0.1:0")
	rows := s.waitRows(3, "select data, error from beacons order by received_at")
	if len(rows) != 3 || rows[0]["data"] != "first" || rows[2]["data"] != "third" || rows[1]["error"] == nil {
		t.Errorf("%v", rows)
	}
	s.stop()
}

func TestACollectorThatIsStoppedPutsAllIntoTheTable(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for range 50 {
		if res, err := http.Post(s.URL+"/x", "", nil); err != nil || res.StatusCode != 204 {
			t.Fatal(res, err)
		}
	}
	s.stop()
	s = p.serve("127.0.0.1:0")
	if rows := s.query("select count(*) as n from beacons"); rows[0]["n"] != 50.0 {
		t.Errorf("%v", rows)
	}
}

func TestTheExportIsTheInbox(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	res, err := http.Post(s.URL+"/x", "text/plain", strings.NewReader("hello"))
	if err != nil || res.StatusCode != 204 {
		t.Fatal(res, err)
	}
	out, errs, status := p.beacon("export", "--server", s.URL)
	if status != 0 || !strings.HasPrefix(out, "WARC/1.1\r\n") || !strings.HasSuffix(out, "\r\n\r\nhello\r\n\r\n") {
		t.Errorf("status %d: %q %s", status, out, errs)
	}
}

func TestAPostToAnyPathIsABeaconAsItWasSent(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for _, target := range []string{"/", "//x", "/a//b", "/a/../b", "/a/./b/", "/-", "/%2e%2e/x", "/\xc3\xa4"} {
		for _, method := range []string{"OPTIONS", "POST"} {
			raw := method + " " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
			if status := talk(t, strings.TrimPrefix(s.URL, "http://"), raw, false); status != 204 {
				t.Errorf("%s %s: %d", method, target, status)
			}
		}
		if rows := s.query("select id from beacons where stream = '" + target + "'"); len(rows) != 1 {
			t.Errorf("%s: %d rows", target, len(rows))
		}
	}
}
