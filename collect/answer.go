package collect

import (
	"cmp"
	"net/http"
	"strconv"
)

// An Answer is what a sender gets when its beacon is on disk.
type Answer struct {
	Status      int // 200 to 299; 0 is 200
	ContentType string
	Body        []byte // with 204 and 205 none is sent
}

// pixel is a GIF of one transparent dot, the smallest picture that all mail programs and browsers show.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00" + // 1 × 1, two colours
	"\x00\x00\x00\xff\xff\xff" +
	"\x21\xf9\x04\x01\x00\x00\x00\x00" + // the first colour is transparent
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"

var (
	pixelAnswer = Answer{http.StatusOK, "image/gif", []byte(pixel)}
	// A script element can't load a picture, and a browser can report an error for an answer without a type.
	scriptAnswer = Answer{http.StatusOK, "text/javascript", nil}
)

// answerTo returns the answer to a beacon. ok is false for 204, the answer to a POST unless Options.Answer has another.
func (c *Collector) answerTo(r *http.Request) (a Answer, ok bool) {
	if c.options.Answer != nil {
		if a, ok := c.options.Answer(streamOf(r)); ok {
			return a, true
		}
	}
	switch {
	case r.Method == http.MethodPost:
		return Answer{}, false
	case r.Header.Get("Sec-Fetch-Dest") == "script":
		return scriptAnswer, true
	}
	return pixelAnswer, true
}

// write answers a request. A cached answer would be a lost beacon.
func (a *Answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	// Isolated pages load nothing of another site without this header (HTML, "cross-origin embedder policy").
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if a.ContentType != "" {
		h.Set("Content-Type", a.ContentType)
	}
	status := cmp.Or(a.Status, http.StatusOK)
	if status == http.StatusNoContent || status == http.StatusResetContent {
		w.WriteHeader(status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(status)
	w.Write(a.Body) // the server sends none for HEAD
}
