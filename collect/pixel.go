package collect

import (
	"net/http"
	"strings"
)

// IsPixel reports whether a request is a GET that is a beacon, whose data is the query:
//
//   - any GET of a stream of Options.Get;
//   - else, unless its stream is one of Options.NoGet, a GET of a path that ends in .gif, or with a query that a
//     page sends for a picture or by a script. Scripts' requests, and those for pictures while the page is closed, have
//     the destination "empty" (Fetch Metadata, "Sec-Fetch-Dest").
func (c *Collector) IsPixel(r *http.Request) bool {
	return r.Method == http.MethodGet && c.isPixelURL(r)
}

func (c *Collector) isPixelURL(r *http.Request) bool {
	switch stream := streamOf(r); {
	case c.options.Get != nil && c.options.Get(stream):
		return true
	case c.options.NoGet != nil && c.options.NoGet(stream):
		return false
	case strings.HasSuffix(r.URL.Path, ".gif"):
		return true
	case r.URL.RawQuery == "":
		return false
	}
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "image", "empty":
		return true
	case "":
		return strings.HasPrefix(r.Header.Get("Accept"), "image/") // an old browser, without Sec-Fetch-Dest
	}
	return false
}

// get answers a GET or HEAD that is not a beacon.
func (c *Collector) get(w http.ResponseWriter, r *http.Request) {
	c.checkOrigin(w, r) // so that a script sees the status
	if r.Method == http.MethodHead && c.isPixelURL(r) {
		a, _ := c.answerTo(r)
		a.write(w)
		return
	}
	text := "This path has no page: a beacon is a POST to it, or a GET for a picture."
	if stream := streamOf(r); r.Method == http.MethodGet && r.URL.RawQuery != "" && (c.options.NoGet == nil || !c.options.NoGet(stream)) {
		c.notices.ignored.add(stream)
		text += " The operator of this collector can take each GET of this path as a beacon (serve --get)."
	}
	http.Error(w, text, http.StatusNotFound)
}
