package collect

import (
	"net/http"
	"strings"
)

// pixel is the smallest picture that every mail program and browser takes: one
// transparent dot.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00" + // one by one, two colours
	"\x00\x00\x00\xff\xff\xff" +
	"\x21\xf9\x04\x01\x00\x00\x00\x00" + // the first one is transparent
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"

// isPixel says whether a GET is a beacon, whose data is the query: it asks for a .gif, or a page
// asks for a picture of any name, or by script. A picture that is asked for while its page goes
// away has the destination "empty", as a script's request does (Fetch Metadata, "Sec-Fetch-Dest").
func isPixel(r *http.Request) bool {
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
		return strings.HasPrefix(r.Header.Get("Accept"), "image/") // a browser from before there was one
	}
	return false
}

// IsPixel reports whether a GET is a beacon.
func IsPixel(r *http.Request) bool { return isPixel(r) }

func showPixel(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store") // the next one is a beacon too
	// Pages that isolate themselves take no picture of another site without this (HTML,
	// "cross-origin embedder policy").
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Write([]byte(pixel))
}
