package fetch

import "github.com/seed-d051cf5a/beacon/internal/weburl"

// serializedOrigin is Fetch, "serializing a request origin".
func (f *fetching) serializedOrigin() string {
	if f.redirectTaint() != "same-origin" {
		return "null"
	}
	return f.origin.String()
}

// redirectTaint is Fetch, "redirect-taint": what became of the request when it was sent on
// by an origin that is not its own.
func (f *fetching) redirectTaint() string {
	taint := "same-origin"
	for i := 1; i < len(f.urls); i++ {
		last, next := weburl.OriginOf(f.urls[i-1]), weburl.OriginOf(f.urls[i])
		if !next.SameSite(last) && !f.origin.SameSite(last) {
			return "cross-site"
		}
		if !next.Same(last) && !f.origin.Same(last) {
			taint = "same-site"
		}
	}
	return taint
}

// originHeader is Fetch, "append a request Origin header"; "" is none.
func (f *fetching) originHeader() string {
	if f.tainting == "cors" {
		return f.serializedOrigin()
	}
	if f.Method == "GET" || f.Method == "HEAD" {
		return ""
	}
	if f.Mode != "cors" {
		switch f.policy {
		case "no-referrer":
			return "null"
		case "no-referrer-when-downgrade", "strict-origin", "strict-origin-when-cross-origin":
			if f.origin.Scheme == "https" && f.url().Scheme() != "https" {
				return "null"
			}
		case "same-origin":
			if !f.origin.Same(weburl.OriginOf(f.url())) {
				return "null"
			}
		}
	}
	return f.serializedOrigin()
}
