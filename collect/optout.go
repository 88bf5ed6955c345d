package collect

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An OptOut is what becomes of a beacon whose sender asks not to be tracked: with Sec-GPC
// (Global Privacy Control) or DNT (Tracking Preference Expression).
type OptOut int

const (
	OptOutKeep      OptOut = iota // it is kept as any other, with the header that says so
	OptOutAnonymous               // without address, user agent, referrer, languages and client hints
	OptOutRefuse                  // not at all: the answer is 200 instead of 204, so that nobody tries again
)

var optOutNames = []string{"keep", "anonymous", "refuse"}

// MarshalText returns keep, anonymous or refuse.
func (o OptOut) MarshalText() ([]byte, error) { return []byte(optOutNames[o]), nil }

// UnmarshalText reads what MarshalText writes; the error names the choices.
func (o *OptOut) UnmarshalText(text []byte) error { return choose(o, optOutNames, string(text)) }

// optsOut takes a header's Get. The names are as net/http spells them: of others it would make
// those each time.
func optsOut(get func(name string) string) bool { return get("Sec-Gpc") == "1" || get("Dnt") == "1" }

// anonymize takes away what tells one person from another.
func anonymize(r *warc.Record) {
	r.IP = ""
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool { return f.Name == row.AddressField })
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool { return telling(http.CanonicalHeaderKey(f.Name)) })
}

// telling says whether a header is one that an anonymous beacon goes without.
func telling(name string) bool {
	switch name {
	case "User-Agent", "Referer", "Accept-Language", "From",
		// Client hints from before they were all named Sec-CH-….
		"Device-Memory", "Downlink", "Dpr", "Ect", "Rtt", "Save-Data", "Viewport-Width", "Width":
		return true
	}
	return strings.HasPrefix(name, "Sec-Ch-")
}
