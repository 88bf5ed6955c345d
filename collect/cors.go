package collect

import "net/http"

// maxAge is how many seconds a browser may remember a preflight's answer; browsers cut
// it to what they allow themselves.
const maxAge = "86400"

// allowOrigin says that the page may send here and see the answer. The origin is echoed:
// beacons carry credentials, for which "*" is not enough (Fetch, "CORS check"). A program,
// which has no origin, is told nothing: no cache keeps the answer for a page's request.
func allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
}

// preflight answers what a browser asks before a beacon whose Content-Type is not
// CORS-safelisted (Fetch, "CORS-preflight fetch").
func preflight(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w, r)
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Allow", "POST, OPTIONS")
	if r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "POST")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
		h.Set("Access-Control-Max-Age", maxAge)
	}
	w.WriteHeader(http.StatusNoContent)
}
