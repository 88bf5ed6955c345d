//go:build unix && !(cgo && (linux || darwin) && (amd64 || arm64))

package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestServe_WithoutATableEngine_CollectsTailsAndExports(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	res, err := http.Post(s.URL+"/x", "text/plain", strings.NewReader("hello"))
	if err != nil || res.StatusCode != 204 {
		t.Fatal(res, err)
	}
	out, errs, status := p.beacon("export", "--server", s.URL)
	if status != 0 || !strings.HasSuffix(out, "\r\n\r\nhello\r\n\r\n") {
		t.Errorf("export: status %d: %q %s", status, out, errs)
	}
	if _, errs, status := p.beacon("query", "--server", s.URL, "select 1"); status != 1 || !strings.Contains(errs, "CGO_ENABLED=1") {
		t.Errorf("query: status %d: %s", status, errs)
	}
	out, errs, status = p.beacon("table", "files", "--json", "--server", s.URL)
	if status != 0 || !strings.Contains(out, `"rows":1,`) {
		t.Errorf("table files: status %d: %s%s, want a file with one row", status, out, errs)
	}
	tail, err := s.get("/-/tail?last=1")
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	seen := ""
	for b := make([]byte, 4096); !strings.Contains(seen, `"text":"hello"`); {
		n, err := tail.Body.Read(b)
		if err != nil {
			t.Fatalf("tail: %v after %s", err, seen)
		}
		seen += string(b[:n])
	}
	s.kill()
}
