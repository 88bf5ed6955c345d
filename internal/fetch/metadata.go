package fetch

import (
	"cmp"
	"net/http"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// setMetadata is Fetch Metadata, "append the Fetch metadata headers for a request". No
// request of a page's is a navigation, so there is no Sec-Fetch-User.
func (f *fetching) setMetadata(h http.Header, mode string) {
	if !weburl.Trustworthy(f.url()) {
		return
	}
	h.Set("Sec-Fetch-Dest", cmp.Or(f.Destination, "empty"))
	h.Set("Sec-Fetch-Mode", mode)
	h.Set("Sec-Fetch-Site", f.site())
}

// site is "set the Sec-Fetch-Site header", step 5.
func (f *fetching) site() string {
	site := "same-origin"
	for _, u := range f.urls {
		o := weburl.OriginOf(u)
		if f.origin.Same(o) {
			continue
		}
		if !f.origin.SameSite(o) {
			return "cross-site"
		}
		site = "same-site"
	}
	return site
}
