package collect

import (
	"net/http"
	"strings"
)

// pixel is a GIF of one transparent dot, the smallest picture that all mail programs and browsers show.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00" + // 1 × 1, two colours
	"\x00\x00\x00\xff\xff\xff" +
	"\x21\xf9\x04\x01\x00\x00\x00\x00" + // the first colour is transparent
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"

// IsPixel reports whether a request is a GET that is a beacon, whose data is the query. Such a GET is for a
// path that ends in .gif, or has a query and is sent by a page for a picture or by a script. Scripts'
// requests, and pictures requested while the page is closed, have the destination "empty" (Fetch
// Metadata, "Sec-Fetch-Dest").
func IsPixel(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	if strings.HasSuffix(r.URL.Path, ".gif") {
		return true
	}
	if r.URL.RawQuery == "" {
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

// showPixel answers a pixel beacon with the picture.
func showPixel(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store") // a cached picture would be a lost beacon
	// Isolated pages load no picture of another site without this header (HTML, "cross-origin
	// embedder policy").
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Write([]byte(pixel))
}
