package collect

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

func TestVisitors_SameBrowserAndDay_SameID(t *testing.T) {
	var v salt
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	first := visitorID(&v, a, "Firefox", "https://a.example", noon)
	if len(first) != 16 || !isHash(first) {
		t.Errorf("the id is %q", first)
	}
	if again := visitorID(&v, a, "Firefox", "https://a.example", noon.Add(11*time.Hour)); again != first {
		t.Errorf("on the same day the id is %s, want %s", again, first)
	}
	for name, other := range map[string]string{
		"another IP":         visitorID(&v, b, "Firefox", "https://a.example", noon),
		"another user agent": visitorID(&v, a, "Chrome", "https://a.example", noon),
		"another origin":     visitorID(&v, a, "Firefox", "https://b.example", noon),
		"no origin":          visitorID(&v, a, "Firefox\nhttps://a.example", "", noon),
		"the next day":       visitorID(&v, a, "Firefox", "https://a.example", noon.Add(24*time.Hour)),
	} {
		if other == first || other == "" {
			t.Errorf("%s has the id %s", name, other)
		}
	}
	if got := visitorID(&v, netip.Addr{}, "Firefox", "https://a.example", noon); got != "" {
		t.Errorf("without an IP the id is %s", got)
	}
}

func TestVisitors_Restart_SameIDUntilTheNextDay(t *testing.T) {
	dir := t.TempDir()
	a := netip.MustParseAddr("192.0.2.1")
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	first := visitorID(openVisitorSalt(dir, nil, slog.Default()), a, "", "", noon)
	if second := visitorID(openVisitorSalt(dir, nil, slog.Default()), a, "", "", noon); second != first {
		t.Errorf("after a restart the id is %s, want %s", second, first)
	}
	path := filepath.Join(dir, visitorFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	visitorID(openVisitorSalt(dir, nil, slog.Default()), a, "", "", noon.Add(24*time.Hour))
	if after, _ := os.ReadFile(path); strings.Contains(string(after), strings.Fields(string(before))[1]) {
		t.Error("the salt of the day before is still on disk")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := visitorID(openVisitorSalt(dir, nil, slog.Default()), a, "", "", noon); got == first || got == "" {
		t.Errorf("with a damaged file the id is %q", got)
	}
}

func TestHandler_Visitors_StoredForPagesOnly(t *testing.T) {
	for name, x := range map[string]struct {
		options Options
		header  http.Header
		want    bool
	}{
		"a page":                 {Options{Visitors: true}, http.Header{"Origin": {"https://a.example"}}, true},
		"a page, hashed address": {Options{Visitors: true, Address: AddressHashed}, http.Header{"Origin": {"https://a.example"}}, true},
		"a program":              {Options{Visitors: true}, http.Header{}, false},
		"off":                    {Options{}, http.Header{"Origin": {"https://a.example"}}, false},
		"no addresses":           {Options{Visitors: true, Address: AddressDropped}, http.Header{"Origin": {"https://a.example"}}, false},
		"opted out":              {Options{Visitors: true, OptOut: OptOutAnonymous}, http.Header{"Origin": {"https://a.example"}, "Sec-Gpc": {"1"}}, false},
	} {
		var kept []byte
		h := Handler(func(record []byte) error { kept = bytes.Clone(record); return nil }, x.options)
		r := httptest.NewRequest("POST", "/x", strings.NewReader("{}"))
		r.Header = x.header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		if got := bytes.Contains(kept, []byte(row.VisitorField+": ")); got != x.want {
			t.Errorf("%s: the record has an id of a visitor: %v, want %v", name, got, x.want)
		}
	}
}
