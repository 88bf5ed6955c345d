package web

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func ask(t *testing.T, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler("/static/count.js").ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandler_EachPath_HasItsStatusAndType(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/live", 200, "text/html; charset=utf-8"},
		{"GET", "/-/login", 200, "text/html; charset=utf-8"},
		{"GET", "/-/bye", 200, "text/html; charset=utf-8"},
		{"GET", "/-/bye?visit=1", 200, "text/html; charset=utf-8"},
		{"GET", "/-/web/base.css", 200, "text/css; charset=utf-8"},
		{"GET", "/-/web/live.css", 200, "text/css; charset=utf-8"},
		{"GET", "/-/web/dashboard.css", 200, "text/css; charset=utf-8"},
		{"GET", "/-/web/live.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/-/web/bye.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/beacon.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/web/icon.svg", 200, "image/svg+xml"},
		{"HEAD", "/-/live", 200, "text/html; charset=utf-8"},
		{"HEAD", "/-/web/live.js", 200, "text/javascript; charset=utf-8"},

		{"POST", "/-/live", 405, "text/plain; charset=utf-8"},
		{"POST", "/-/login", 405, "text/plain; charset=utf-8"},
		{"PUT", "/-/bye", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/-/web/live.js", 405, "text/plain; charset=utf-8"},
		{"OPTIONS", "/-/live", 405, "text/plain; charset=utf-8"},

		{"GET", "/hello", 404, "text/plain; charset=utf-8"},
		{"POST", "/hello", 404, "text/plain; charset=utf-8"},
		{"GET", "/index.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/bye/", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/web/", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/web/live.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/web/web.go", 404, "text/plain; charset=utf-8"},
		{"GET", "/-/web/../web.go", 404, "text/plain; charset=utf-8"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			res := ask(t, tt.method, tt.path)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if got := res.Header.Get("Content-Type"); got != tt.contentType {
				t.Errorf("content type %q, want %q", got, tt.contentType)
			}
			if tt.status == 405 && res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow %q, want the methods that do work", res.Header.Get("Allow"))
			}
		})
	}
}

func TestHandler_HEAD_IsGETWithoutTheBody(t *testing.T) {
	get, head := ask(t, "GET", "/-/live"), ask(t, "HEAD", "/-/live")
	if b := body(t, head); b != "" {
		t.Errorf("HEAD has a body of %d bytes", len(b))
	}
	for _, name := range []string{"Content-Length", "Content-Type", "ETag"} {
		if g, h := get.Header.Get(name), head.Header.Get(name); g != h || g == "" {
			t.Errorf("%s: GET %q, HEAD %q", name, g, h)
		}
	}
}

func TestHandler_EachAnswer_HasTheSecurityHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
			"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
	}
	targets := []string{"/no-such-page"}
	for route := range routes {
		targets = append(targets, route)
	}
	for _, target := range targets {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			res := ask(t, method, target)
			for name, value := range want {
				if got := res.Header.Get(name); got != value {
					t.Errorf("%s %s: %s is %q, want %q", method, target, name, got, value)
				}
			}
		}
	}
}

func TestHandler_OtherOrigin_NothingAllowed(t *testing.T) {
	for route := range routes {
		policy, allow := "same-origin", ""
		res := ask(t, "GET", route, "Origin", "https://shop.example")
		again := ask(t, "GET", route, "Origin", "https://shop.example", "If-None-Match", res.Header.Get("ETag"))
		for _, res := range []*http.Response{res, again} {
			if got := res.Header.Get("Cross-Origin-Resource-Policy"); got != policy {
				t.Errorf("%s, %d: Cross-Origin-Resource-Policy is %q, want %q", route, res.StatusCode, got, policy)
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != allow {
				t.Errorf("%s, %d: Access-Control-Allow-Origin is %q, want %q", route, res.StatusCode, got, allow)
			}
		}
	}
}

func TestHandler_SameETag_Answers304(t *testing.T) {
	seen := map[string]string{}
	for route := range routes {
		res := ask(t, "GET", route)
		etag := res.Header.Get("ETag")
		if other, ok := seen[etag]; ok || etag == "" {
			t.Errorf("%s: ETag %q, the same as %q", route, etag, other)
		}
		seen[etag] = route
		if got := res.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q, want no-cache", route, got)
		}

		again := ask(t, "GET", route, "If-None-Match", etag)
		if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
			t.Errorf("%s: asked again with its ETag: %d, want an empty 304", route, again.StatusCode)
		}
		if stale := ask(t, "GET", route, "If-None-Match", `"stale"`); stale.StatusCode != http.StatusOK {
			t.Errorf("%s: asked with another ETag: %d, want 200", route, stale.StatusCode)
		}
	}
}

func TestRoutes_EachEmbeddedFile_HasOneRoute(t *testing.T) {
	count := map[string]int{"message.html": 1} // Message serves it
	for _, name := range routes {
		count[name]++
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && count[name] != 1 {
			t.Errorf("%s has %d routes, want 1", name, count[name])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	otherHost = regexp.MustCompile(`(?i:\b(?:https?|wss?|ftp)://|["'(=] *//|@import)|url\(`)
	reference = regexp.MustCompile(`(?:src|href)="([^"]*)"|(?:from|import) '([^']*)'`)
	inline    = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:\s[^>]*)?>[^<]`)
	asHTML    = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\b|new Function`)
)

func TestFiles_References_NameNoOtherHost(t *testing.T) {
	for route, name := range routes {
		// A namespace looks like an address, but no browser fetches it.
		text := strings.ReplaceAll(body(t, ask(t, "GET", route)), `xmlns="http://www.w3.org/2000/svg"`, "")
		if at := otherHost.FindString(text); at != "" {
			t.Errorf("%s refers to another host: %q", name, at)
		}
	}
}

func TestFiles_References_AreServed(t *testing.T) {
	for route, name := range routes {
		for _, m := range reference.FindAllStringSubmatch(body(t, ask(t, "GET", route)), -1) {
			target := m[1] + m[2]
			if target == "/" || strings.HasPrefix(target, "{origin}") { // the dashboard; text for other pages
				continue
			}
			if strings.HasPrefix(target, "./") {
				target = path.Join(path.Dir(route), target)
			}
			if _, ok := routes[target]; !ok {
				t.Errorf("%s refers to %q, which is not served", name, target)
			}
		}
	}
}

func TestPages_InlineCode_IsAbsent(t *testing.T) {
	for _, route := range []string{"/-/live", "/-/login", "/-/bye"} {
		if at := inline.FindString(body(t, ask(t, "GET", route))); at != "" {
			t.Errorf("%s has inline code or style, which the policy forbids: %q", route, at)
		}
	}
}

func TestScripts_HTMLFromStrings_IsAbsent(t *testing.T) {
	for route, name := range routes {
		if path.Ext(name) != ".js" {
			continue
		}
		if at := asHTML.FindString(body(t, ask(t, "GET", route))); at != "" {
			t.Errorf("%s makes HTML or code from a string: %q", name, at)
		}
	}
}

// mostBytes is the limit of a page with its styles, scripts and icon.
const mostBytes = 60 << 10

func TestPages_WithStylesAndScripts_AreSmall(t *testing.T) {
	for _, page := range []string{"/-/live", "/-/login", "/-/bye"} {
		seen := map[string]bool{page: true}
		sum := 0
		for todo := []string{page}; len(todo) > 0; todo = todo[1:] {
			text := body(t, ask(t, "GET", todo[0]))
			sum += len(text)
			for _, m := range reference.FindAllStringSubmatch(text, -1) {
				target := m[1] + m[2]
				if strings.HasPrefix(target, "./") {
					target = path.Join(path.Dir(todo[0]), target)
				}
				if strings.HasPrefix(target, "/-/web/") && !seen[target] {
					seen[target] = true
					todo = append(todo, target)
				}
			}
		}
		if sum > mostBytes || len(seen) < 4 {
			t.Errorf("%s has %d bytes in %d files, want at most %d", page, sum, len(seen), mostBytes)
		}
		t.Logf("%s has %d bytes in %d files", page, sum, len(seen))
	}
}

func TestLivePage_PathOfTheScript_IsInItsSnippet(t *testing.T) {
	if text := body(t, ask(t, "GET", "/-/live")); !strings.Contains(text, `src="{origin}/static/count.js"`) {
		t.Errorf("the page has no script element with /static/count.js: %s", text)
	}
}
