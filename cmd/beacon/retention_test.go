//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

func TestWhatIsTooOldGoes(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	s.post("/new", "text/plain", "new")
	old := strings.ReplaceAll(asWget("request", "POST /old HTTP/1.1\r\nHost: x\r\n\r\nold"), "2026-11-22", "2020-11-22")
	if _, errs, status := s.importFile([]byte(old)); status != 0 {
		t.Fatal(errs)
	}
	if rows := s.query("from beacons"); len(rows) != 2 {
		t.Fatalf("%v", rows)
	}
	s.stop()
	s = p.serve("127.0.0.1:0", "--max-age", "30d", "--max-table", "1GiB")
	for deadline := time.Now().Add(20 * time.Second); ; {
		rows := s.query("select stream from beacons")
		if len(rows) == 1 && rows[0]["stream"] == "/new" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v", rows)
		}
	}
	s.stop()
}

func TestAQueryHasSoMuchTime(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0", "--query-timeout", "100ms")
	_, errs, status := p.beacon("query", "--server", s.URL, "select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7")
	if status != 1 || !strings.Contains(errs, "longer than 100ms") {
		t.Errorf("status %d: %s", status, errs)
	}
}
