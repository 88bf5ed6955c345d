package collect

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An OptOut is how a beacon is treated whose client asks not to be tracked, with Sec-GPC: 1 (Global
// Privacy Control) or DNT: 1 (Tracking Preference Expression).
type OptOut int

const (
	OptOutKeep      OptOut = iota // stored like any other, with the header Sec-GPC or DNT
	OptOutAnonymous               // stored without client IP, user agent, referrer, languages and client hints
	OptOutRefuse                  // not stored; the answer is 200 instead of 204, so that clients don't retry
)

var optOutNames = []string{"keep", "anonymous", "refuse"}

// MarshalText returns keep, anonymous or refuse.
func (o OptOut) MarshalText() ([]byte, error) { return []byte(optOutNames[o]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (o *OptOut) UnmarshalText(text []byte) error { return choose(o, optOutNames, string(text)) }

// optsOut reports whether a request's client asks not to be tracked. get is the Get of its header. The names
// are in canonical form, because http.Header.Get allocates for all others.
func optsOut(get func(name string) string) bool { return get("Sec-Gpc") == "1" || get("Dnt") == "1" }

// anonymize removes the parts of a record that distinguish one person from another.
func anonymize(r *warc.Record) {
	r.IP = ""
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool { return f.Name == row.AddressField })
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool { return telling(http.CanonicalHeaderKey(f.Name)) })
}

// telling reports whether anonymize removes a header. name is in canonical form.
func telling(name string) bool {
	switch name {
	case "User-Agent", "Referer", "Accept-Language", "From",
		// Client hints without the prefix Sec-CH-.
		"Device-Memory", "Downlink", "Dpr", "Ect", "Rtt", "Save-Data", "Viewport-Width", "Width":
		return true
	}
	return strings.HasPrefix(name, "Sec-Ch-")
}
