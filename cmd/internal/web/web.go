// Package web serves the collector's live page, which shows beacons as they arrive; the form to log
// in there; and a page that shows that a beacon arrives after its page was closed.
//
// All of them are embedded files without a build step and without third-party code. They load
// nothing from other hosts.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed *.html *.css *.js *.svg
var files embed.FS

// routes maps paths to embedded files. Other files are not served.
var routes = map[string]string{
	"/-/live":              "live.html",
	"/-/login":             "login.html",
	"/-/bye":               "bye.html",
	"/-/web/base.css":      "base.css",
	"/-/web/live.css":      "live.css",
	"/-/web/dashboard.css": "dashboard.css",
	"/-/web/dashboard.js":  "dashboard.js",
	"/-/web/login.css":     "login.css",
	"/-/web/bye.css":       "bye.css",
	"/-/web/live.js":       "live.js",
	"/-/web/tail.js":       "tail.js",
	"/-/web/table.js":      "table.js",
	"/-/web/row.js":        "row.js",
	"/-/web/chart.js":      "chart.js",
	"/-/web/copy.js":       "copy.js",
	"/-/web/tip.js":        "tip.js",
	"/-/web/filter.js":     "filter.js",
	"/-/web/gone.js":       "gone.js",
	"/-/web/title.js":      "title.js",
	"/-/web/view.js":       "view.js",
	"/-/web/status.js":     "status.js",
	"/-/web/notice.js":     "notice.js",
	"/-/web/origin.js":     "origin.js",
	"/-/web/leave.js":      "leave.js",
	"/-/web/login.js":      "login.js",
	"/-/web/logout.js":     "logout.js",
	"/-/web/bye.js":        "bye.js",
	"/-/web/icon.svg":      "icon.svg",
}

// contentTypes are constants because package mime reads the machine's configuration. With nosniff a
// wrong type makes browsers ignore styles and scripts.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type asset struct {
	body        []byte
	contentType string
	etag        string
}

type pages map[string]asset

// Handler serves the live page at /-/live, the form to log in at /-/login, the page after the one that is
// closed at /-/bye, and their styles and scripts below /-/web/. It answers GET
// and HEAD only. These files are the same for everyone, and have nothing of any beacon. script is the path of the
// browser script, which the live page shows.
//
// The pages read /-/tail and /-/table/status, and post to /-/login, /-/logout and /leave, all of the
// same collector.
func Handler(script string) http.Handler {
	p := make(pages, len(routes))
	for route, name := range routes {
		body, err := files.ReadFile(name)
		if err != nil {
			panic("web: routes names a file that is not embedded: " + err.Error())
		}
		if name == "live.html" {
			body = bytes.ReplaceAll(body, []byte("{script}"), []byte(script))
		}
		sum := sha256.Sum256(body)
		p[route] = asset{
			body:        body,
			contentType: contentTypes[path.Ext(name)],
			etag:        `"` + hex.EncodeToString(sum[:12]) + `"`,
		}
	}
	return p
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // collect identifies this page by it on plain http
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")

	a, ok := p[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "This page answers only GET and HEAD.", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
