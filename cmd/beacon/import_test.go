//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere is another collector, which is empty.
func elsewhere(t *testing.T, flags ...string) *server {
	return newPlace(t).serve("127.0.0.1:0", flags...)
}

// acceptedText returns what import prints for a whole file.
func acceptedText(records, skipped int) string {
	return fmt.Sprintf("%d accepted, %d skipped, 0 damaged; records that the table has already are not added again\n", records, skipped)
}

func (s *server) importFile(content []byte) (stdout, stderr string, status int) {
	s.p.t.Helper()
	path := filepath.Join(s.p.t.TempDir(), "beacons.warc")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.p.t.Fatal(err)
	}
	return s.p.beacon("import", "--server", s.URL, path)
}

// table is the whole table.
func (s *server) table() string {
	s.p.t.Helper()
	rows := s.query("select * exclude body, hex(body) as body from beacons order by id")
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = fmt.Sprint(row)
	}
	return strings.Join(lines, "\n")
}

func TestAnExportIsImportedAsTheSameTable(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--batch", "/events")
	s.post("/x?a=b", "application/json", `{"a":1}`)
	s.post("/events", "application/json", `[{"a":1},{"a":2}]`)
	s.post("/bytes", "application/octet-stream", "\xff\x00\r\n\r\nWARC/1.1\r\n")
	s.post("/large", "text/plain", strings.Repeat("x", 1<<20))
	s.post("/none", "", "")
	if res, err := http.Get(s.URL + "/p.gif?q=1"); err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	req, _ := http.NewRequest("POST", s.URL+"/key", strings.NewReader("keyed"))
	req.Header.Set("Idempotency-Key", "17")
	req.Header.Set("Cookie", "secret=1")
	req.Header.Set("Origin", "https://example.com")
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 204 {
		t.Fatal(res, err)
	}
	export, errs, status := p.beacon("export", "--server", s.URL)
	if status != 0 {
		t.Fatal(errs)
	}
	want := s.table()
	if strings.Count(want, "\n") != 7 {
		t.Fatalf("the table is %s", want)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(export))
	w.Close()

	other := elsewhere(t)
	for _, file := range [][]byte{[]byte(export), zipped.Bytes()} {
		out, errs, status := other.importFile(file)
		if status != 0 || out != acceptedText(7, 0) {
			t.Errorf("status %d: %s%s", status, out, errs)
		}
		if got := other.table(); got != want {
			t.Errorf("got  %.2000s\nwant %.2000s", got, want)
		}
	}

	third := elsewhere(t)
	cmd := third.p.command("command", "import", "--server", third.URL, "-")
	cmd.Stdin = strings.NewReader(export)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "7 accepted") {
		t.Errorf("from standard input: %v: %s", err, out)
	}
}

// asWget is a record as wget --warc-file writes it.
func asWget(kind, block string) string {
	return fmt.Sprintf("WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: <http://example.com/p?q=1>\r\nContent-Type: application/http;msgtype=%s\r\nWARC-Date: 2026-11-22T06:20:12Z\r\n"+
		"WARC-Record-ID: <urn:uuid:6d7f0c2e-6a2b-4a53-8a0c-8b2f9f3f0c22>\r\nWARC-IP-Address: 198.51.100.7\r\nWARC-Warcinfo-ID: <urn:uuid:8e4a8d1f-1b0b-4b6e-9d3c-6a5f0d9d2c11>\r\n"+
		"WARC-Block-Digest: sha1:ZBP4Q3WPGYMZBG3LPNU3HF7KJHRB6R5E\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", kind, kind, len(block), block)
}

func TestAnotherProgramsFileIsImported(t *testing.T) {
	s := elsewhere(t)
	out, errs, status := s.importFile([]byte(asWget("warcinfo", "software: Wget/1.21.3\n") +
		asWget("request", "POST /p?q=1 HTTP/1.1\r\nHost: example.com\r\nContent-Type: text/plain\r\ncookie: secret=1\r\nUser-Agent: Wget\r\n\r\nhi") +
		asWget("response", "HTTP/1.1 200 OK\r\n\r\n")))
	if status != 0 || out != acceptedText(1, 2) {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	row := s.query("select * from beacons")[0]
	for name, want := range map[string]any{
		"id": "6d7f0c2e-6a2b-4a53-8a0c-8b2f9f3f0c22", "received_at": "2026-11-22T06:20:12Z", "stream": "/p", "query": "q=1", "ip": "198.51.100.0", "kind": "text", "data": "hi",
	} {
		if row[name] != want {
			t.Errorf("%s is %v, want %v", name, row[name], want)
		}
	}
	if out, _, _ := s.p.beacon("export", "--server", s.URL); strings.Contains(out, "secret") {
		t.Errorf("a cookie is kept: %s", out)
	}
}

func TestADamagedFileIsImportedAsFarAsItGoes(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	for _, body := range []string{"first", "second", "third"} {
		s.post("/x", "text/plain", body)
	}
	export, _, _ := p.beacon("export", "--server", s.URL)
	flipped := []byte(export)
	flipped[bytes.Index(flipped, []byte("second"))] ^= 1
	for name, file := range map[string][]byte{"a flipped bit": flipped, "cut short": []byte(export[:len(export)-5]), "something else before": []byte("{}\n" + export)} {
		out, errs, status := elsewhere(t).importFile(file)
		if status != 1 || !strings.Contains(out, " 0 skipped") || strings.Contains(out, "0 damaged") || strings.HasPrefix(out, "0 ") || !strings.Contains(errs, "if you have a whole copy") {
			t.Errorf("%s: status %d: %s%s", name, status, out, errs)
		}
	}
	if _, errs, status := p.beacon("import", "--server", s.URL, filepath.Join(t.TempDir(), "none")); status != 2 || !strings.Contains(errs, "no such file") {
		t.Errorf("no file: status %d: %s", status, errs)
	}
}

// foreignRequest returns a record of a program that has ids of its own, and keeps the framing of chunks.
func foreignRequest() []byte {
	const block = "POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-Api-Key: secret\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	return fmt.Appendf(nil, "WARC/0.17\nWARC-Type: request\nWARC-Target-URI:\n http://a.example/x?y=1\nWARC-Date: 2026-11-22\nWARC-Record-ID: <http://a.example/1>\nContent-Length: %d\n\n%s", len(block), block)
}

func TestImport_ForeignRecordThreeTimes_IsOneRow(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	for range 3 {
		if out, errs, status := s.importFile(foreignRequest()); status != 0 || !strings.HasPrefix(out, "1 accepted") {
			t.Fatalf("status %d: %s %s", status, out, errs)
		}
	}
	rows := s.query("select stream, query, data, received_at::varchar as at from beacons")
	if len(rows) != 1 || rows[0]["stream"] != "/x" || rows[0]["data"] != "hello" || !strings.HasPrefix(rows[0]["at"].(string), "2026-11-22 00:00:00") {
		t.Errorf("got %v", rows)
	}
}

// Each record is a gzip member, and one is cut short.
func TestImport_DamagedMember_OtherRecordsAreAccepted(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	var file []byte
	offset := 0
	for i := range 10 {
		record := strings.Replace(asWget("request", fmt.Sprintf("GET /p.gif?n=%d HTTP/1.1\r\nHost: example.com\r\n\r\n", i)), "2c11", "2c1"+fmt.Sprint(i), 1)
		record = strings.Replace(record, "9f3f0c22", "9f3f0c2"+fmt.Sprint(i), 1)
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(record))
		w.Close()
		switch member := b.Bytes(); {
		case i < 5:
			offset += len(record)
			file = append(file, member...)
		case i == 5:
			file = append(file, member[:60]...)
		default:
			file = append(file, member...)
		}
	}
	out, errs, status := s.importFile(file)
	if status != 1 || !strings.HasPrefix(out, "9 accepted, 0 skipped, 1 damaged") || !strings.Contains(errs, fmt.Sprintf("at byte %d: the gzip member is damaged", offset)) {
		t.Errorf("status %d: %s %s, want the damage at byte %d", status, out, errs, offset)
	}
	if rows := s.waitRows(9, "select query from beacons where query <> 'n=5'"); len(rows) != 9 {
		t.Errorf("got %v", rows)
	}
}

func TestImportAccessLog_AdminEndpoints_AreSkipped(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(path, []byte(fmt.Sprintf(logLine, 1)+strings.Replace(fmt.Sprintf(logLine, 2), "/p.gif", "/-/metrics", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := p.beacon("import", "--server", s.URL, "--access-log", path); status != 0 || out != acceptedText(1, 1) {
		t.Errorf("status %d: %s %s", status, out, errs)
	}
}

func TestImport_ZIPFile_SaysWhatToDo(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	if out, errs, status := s.importFile([]byte("PK\x03\x04rest")); status != 1 || !strings.Contains(errs, "not supported") {
		t.Errorf("status %d: %s %s", status, out, errs)
	}
}

const logLine = `203.0.113.7 - - [10/Oct/2026:13:55:3%d +0000] "GET /p.gif?n=%[1]d HTTP/1.1" 200 43 "https://shop.example/cart?token=secret" "Mozilla/5.0"` + "\n"

func TestImportAccessLog_Twice_IsTheSameRows(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "access.log")
	text := fmt.Sprintf(logLine, 1) + fmt.Sprintf(logLine, 2) + fmt.Sprintf(logLine, 2) + strings.Replace(fmt.Sprintf(logLine, 3), "GET", "HEAD", 1) + strings.TrimSpace(fmt.Sprintf(logLine, 4))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out, errs, status := p.beacon("import", "--server", s.URL, "--access-log", "--site", "https://shop.example", path); status != 0 || out != acceptedText(4, 1) {
			t.Fatalf("status %d: %s %s", status, out, errs)
		}
	}
	rows := s.query("select stream, ip, referrer, user_agent, data->>'n' as n, kind from beacons order by received_at")
	got := ""
	for _, r := range rows {
		got += fmt.Sprint(r["n"])
	}
	if got != "1224" || rows[0]["ip"] != "203.0.113.0" || rows[0]["referrer"] != "https://shop.example/cart" || rows[0]["kind"] != "pixel" {
		t.Errorf("got %v", rows)
	}
	if err := os.WriteFile(path, []byte(text+"\nhello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := p.beacon("import", "--server", s.URL, "--access-log", path); status != 1 || !strings.Contains(errs, "line 6 is not in the combined format") {
		t.Errorf("status %d: %s %s", status, out, errs)
	}
}

func TestImportAccessLog_Follow_ImportsWhatIsAppended(t *testing.T) {
	p := newPlace(t)
	address := freeAddress(t)
	s := p.serve(address)
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	write := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
			f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(path, fmt.Sprintf(logLine, 1))
	cmd := p.command("command", "import", "--server", s.URL, "--access-log", "--follow", path)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.waitRows(1, "select id from beacons")
	line := fmt.Sprintf(logLine, 2)
	write(path, line[:30])
	write(path, line[30:])
	s.waitRows(2, "select id from beacons")
	write(path, fmt.Sprintf(logLine, 3))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(path, fmt.Sprintf(logLine, 4))
	s.waitRows(4, "select id from beacons")
	s.stop()
	write(path, fmt.Sprintf(logLine, 5))
	s = p.serve(address)
	if rows := s.waitRows(5, "select id from beacons"); len(rows) != 5 {
		t.Errorf("%d rows: %s", len(rows), &errs)
	}
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v: %s", err, &errs)
	}
}
