package warc

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
)

// TestStream_ForeignRecords_AreRead has records as programs write them that keep to the standard less strictly.
func TestStream_ForeignRecords_AreRead(t *testing.T) {
	const block = "POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\n\r\nhello"
	usual := "WARC/1.0\r\nWARC-Type: request\r\nWARC-Target-URI: http://a.example/x?y=1\r\nWARC-Date: 2026-11-22T06:20:11Z\r\n" +
		"WARC-Record-ID: <urn:uuid:01932e4f-7c1a-7b3e-9f7c-0242ac120002>\r\nContent-Type: application/http; msgtype=request\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s\r\n\r\n", len(block), block)
	chunked := "POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n"
	withBlock := func(b string) string {
		return strings.Replace(strings.Replace(usual, block, b, 1), fmt.Sprintf("Content-Length: %d", len(block)), fmt.Sprintf("Content-Length: %d", len(b)), 1)
	}
	idSum := sha256.Sum256([]byte("http://a.example/1"))
	const want = "01932e4f-7c1a-7b3e-9f7c-0242ac120002 2026-11-22T06:20:11 http://a.example/x?y=1 POST /x?y=1 text/plain hello"
	for name, x := range map[string]struct{ file, want string }{
		"usual":                        {usual, want},
		"0.17":                         {strings.Replace(usual, "WARC/1.0", "WARC/0.17", 1), want},
		"1.1":                          {strings.Replace(usual, "WARC/1.0", "WARC/1.1", 1), want},
		"line feeds only":              {strings.ReplaceAll(withBlock(strings.ReplaceAll(block, "\r\n", "\n")), "\r\n", "\n"), want},
		"folded header":                {strings.Replace(usual, "WARC-Target-URI: http", "WARC-Target-URI:\r\n   http", 1), want},
		"folded HTTP header":           {withBlock(strings.Replace(block, "text/plain", "\r\n\ttext/plain", 1)), want},
		"no blank lines":               {strings.TrimSuffix(usual, "\r\n\r\n"), want},
		"one line end":                 {strings.TrimSuffix(usual, "\r\n"), want},
		"date to the day":              {strings.Replace(usual, "2026-11-22T06:20:11Z", "2026-11-22", 1), strings.Replace(want, "06:20:11", "00:00:00", 1)},
		"date to the minute":           {strings.Replace(usual, "2026-11-22T06:20:11Z", "2026-11-22T06:20Z", 1), strings.Replace(want, "06:20:11", "06:20:00", 1)},
		"date to the nanosecond":       {strings.Replace(usual, "2026-11-22T06:20:11Z", "2026-11-22T06:20:11.123456789Z", 1), want},
		"date with an offset":          {strings.Replace(usual, "2026-11-22T06:20:11Z", "2026-11-22T07:20:11+01:00", 1), want},
		"date without a zone":          {strings.Replace(usual, "2026-11-22T06:20:11Z", "2026-11-22T06:20:11", 1), want},
		"date of an ARC file":          {strings.Replace(usual, "2026-11-22T06:20:11Z", "20261122062011", 1), want},
		"id that is a URL":             {strings.Replace(usual, "urn:uuid:01932e4f-7c1a-7b3e-9f7c-0242ac120002", "http://a.example/1", 1), strings.Replace(want, "01932e4f-7c1a-7b3e-9f7c-0242ac120002", uuid.NewSHA1(foreignIDs, idSum[:]).String(), 1)},
		"chunks":                       {withBlock(chunked), want},
		"chunks of gzip":               {withBlock(strings.Replace(chunked, "chunked", "gzip, chunked", 1)), want},
		"chunks that are undone":       {withBlock(strings.Replace(block, "Content-Type", "Transfer-Encoding: chunked\r\nContent-Type", 1)), want},
		"request line without version": {withBlock(strings.Replace(block, " HTTP/1.1", "", 1)), want},
		"no date":                      {strings.Replace(usual, "WARC-Date", "X-Date", 1), "damage"},
		"no request":                   {withBlock("hello"), "damage"},
	} {
		for _, reader := range []io.Reader{strings.NewReader(x.file + x.file), iotest.OneByteReader(strings.NewReader(x.file + x.file)), bytes.NewReader(zip(t, []byte(x.file), []byte(x.file)))} {
			n := 0
			for s := NewStream(reader); ; n++ {
				p, err := s.Next()
				if err == io.EOF {
					break
				}
				got := "damage"
				if q := &p.Record.Request; p.Damage == nil {
					got = fmt.Sprintf("%s %s %s %s %s %s %s", p.Record.ID, p.Record.Date.UTC().Format("2006-01-02T15:04:05"), p.Record.Target, q.Method, q.Target, q.Header.Get("Content-Type"), q.Body)
				}
				if got != x.want {
					t.Errorf("%s:\ngot  %s (%v)\nwant %s", name, got, p.Damage, x.want)
				}
			}
			if n != 2 {
				t.Errorf("%s: got %d parts, want 2", name, n)
			}
		}
	}
}

func TestStream_RecordWithoutID_HasTheSameIDEachTime(t *testing.T) {
	file := "WARC/1.0\r\nWARC-Type: request\r\nWARC-Target-URI: http://a.example/\r\nWARC-Date: 2026-11-22T06:20:11Z\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n\r\n"
	var ids []uuid.UUID
	for range 2 {
		p, err := NewStream(strings.NewReader(file)).Next()
		if err != nil || p.Damage != nil {
			t.Fatal(err, p.Damage)
		}
		ids = append(ids, p.Record.ID)
	}
	if ids[0] != ids[1] || ids[0] == uuid.Nil {
		t.Errorf("got %v", ids)
	}
}

// Lines that begin records, and lines that continue a field, take linear time.
func TestStream_HostileLines_TakeLinearTime(t *testing.T) {
	folded := "WARC/1.0\r\nWARC-Type: request\r\nX: a\r\n" + strings.Repeat(" a\r\n", MaxHead/8) + "Content-Length: 0\r\n\r\n"
	for name, file := range map[string]string{
		"beginnings of records": strings.Repeat("WARC/1\n", 1<<19),
		"folded lines":          strings.Repeat(folded, 20),
		"HTTP header":           strings.Replace(folded, "Content-Length: 0", fmt.Sprintf("WARC-Date: 2026\r\nContent-Length: %d", 1<<20), 1) + "GET / HTTP/1.1\r\nX: a\r\n" + strings.Repeat(" a\r\n", 1<<18),
	} {
		before := time.Now()
		for s := NewStream(strings.NewReader(file)); ; {
			if _, err := s.Next(); err != nil {
				break
			}
		}
		if took := time.Since(before); took > 30*time.Second { // minutes if each line is read for each line
			t.Errorf("%s: took %v", name, took)
		}
	}
}
