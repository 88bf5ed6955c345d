package script

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func newScript(t *testing.T, path string) *Script {
	t.Helper()
	s, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s *Script, path string, header ...string) *http.Response {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func TestSource_Gzipped_AtMost5KB(t *testing.T) {
	if n := len(render("visits", 1).zipped); n > 5000 {
		t.Errorf("the script has %d bytes with gzip, 5000 are the most", n)
	}
	if text := string(render("x", 0.5).plain); !strings.Contains(text, "{ stream: 'x', share: 0.5 }") {
		t.Error("the collector does not find the line of settings in the script")
	}
}

func TestNew_Path_UsedOrRefused(t *testing.T) {
	for _, path := range []string{"/visits.js", "/static/v1.2/a-b_c~d.js", "/a.js"} {
		if _, err := New(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"", "/", "visits.js", "/visits", "/.js/", "/-/visits.js", "/a/../b.js", "/a//b.js", "/a b.js", "/a'b.js", "/ä.js", "https://a.example/b.js", "/a.js?x"} {
		if _, err := New(path); err == nil || !strings.Contains(err.Error(), "/visits.js") {
			t.Errorf("%s: got %v, want an error with an example", path, err)
		}
	}
}

func TestServeHTTP_PathAndAlias_SameStream(t *testing.T) {
	s := newScript(t, "/static/count.js")
	if s.Stream() != "/static/count" || !s.Serves("/static/count.js") || !s.Serves("/beacon.js") || s.Serves("/visits.js") {
		t.Errorf("the stream is %s", s.Stream())
	}
	for path, stream := range map[string]string{"/static/count.js": "stream: 'count',", "/beacon.js": "stream: 'static/count',"} {
		res := get(s, path)
		text, _ := io.ReadAll(res.Body)
		if !bytes.Contains(text, []byte(stream)) || res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%s has no %s", path, stream)
		}
	}
}

func TestServeHTTP_Gzip_SameText(t *testing.T) {
	s := newScript(t, DefaultPath)
	plain, _ := io.ReadAll(get(s, DefaultPath).Body)
	res := get(s, DefaultPath, "Accept-Encoding", "br, gzip;q=0.5")
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || !bytes.Equal(text, plain) {
		t.Errorf("the text with gzip is another one: %v", err)
	}
	if res.Header.Get("Vary") != "Accept-Encoding" || res.Header.Get("ETag") == get(s, DefaultPath).Header.Get("ETag") {
		t.Errorf("a cache can't tell the two apart: %v", res.Header)
	}
	for _, refused := range []string{"", "br", "gzip;q=0", "gzip; q=0.000", "GZIP;Q=0", "identity"} {
		if got := get(s, DefaultPath, "Accept-Encoding", refused).Header.Get("Content-Encoding"); got != "" {
			t.Errorf("Accept-Encoding %q: the answer has the encoding %s", refused, got)
		}
	}
}

func TestServeHTTP_ShareChanges_NewETagWithinAMinute(t *testing.T) {
	s := newScript(t, DefaultPath)
	first := get(s, DefaultPath)
	etag := first.Header.Get("ETag")
	if got := first.Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("Cache-Control is %q", got)
	}
	if res := get(s, DefaultPath, "If-None-Match", etag); res.StatusCode != http.StatusNotModified {
		t.Errorf("with its own ETag: %s", res.Status)
	}
	s.Share = func() float64 { return 0.25 }
	res := get(s, DefaultPath, "If-None-Match", etag)
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("share: 0.25 }")) {
		t.Errorf("with the ETag before: %s", res.Status)
	}
}
