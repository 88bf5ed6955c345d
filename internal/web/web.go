// Package web is the collector's live page: what arrives, as it arrives, and
// a link that shows a beacon outliving the page that sent it; and the script
// that other sites' pages take from the collector.
//
// They are a handful of embedded files. There is no build step, no
// third-party code, and nothing is loaded from another host.
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

// Script is the path of the script for the pages of any site.
const Script = "/beacon.js"

// routes says which file answers which path. A file that is not here is not served.
var routes = map[string]string{
	"/":                "live.html",
	Script:             "beacon.js",
	"/-/bye":           "bye.html",
	"/-/web/live.css":  "live.css",
	"/-/web/live.js":   "live.js",
	"/-/web/tail.js":   "tail.js",
	"/-/web/table.js":  "table.js",
	"/-/web/row.js":    "row.js",
	"/-/web/chart.js":  "chart.js",
	"/-/web/copy.js":   "copy.js",
	"/-/web/origin.js": "origin.js",
	"/-/web/leave.js":  "leave.js",
	"/-/web/bye.js":    "bye.js",
	"/-/web/icon.svg":  "icon.svg",
}

// contentTypes is spelled out because package mime asks the machine it runs
// on, and nosniff turns a wrong answer into a page without style or script.
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

// Handler serves the live page at /, the goodbye page at /-/bye, their
// styles and scripts under /-/web/, and beacon.js. It answers GET and HEAD, on these paths only.
//
// The pages read GET /-/tail and post to /leave; both belong to the collector.
func Handler() http.Handler {
	p := make(pages, len(routes))
	for route, name := range routes {
		body, err := files.ReadFile(name)
		if err != nil {
			panic("web: routes names a file that is not embedded: " + err.Error())
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
	h.Set("Referrer-Policy", "same-origin")

	a, ok := p[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this page answers GET and HEAD only", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Path == Script {
		h.Set("Cache-Control", "public, max-age=3600") // each page of a site asks for it
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Allow-Origin", "*") // integrity= wants crossorigin, and that this
	}
	h.Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
