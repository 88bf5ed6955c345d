package collect

import "strings"

// An OptOut is how a beacon is treated whose client asks not to be tracked, with Sec-GPC: 1 (Global
// Privacy Control) or DNT: 1 (Tracking Preference Expression).
type OptOut int

const (
	OptOutKeep      OptOut = iota // stored like any other, with the header Sec-GPC or DNT
	OptOutAnonymous               // stored without client IP, user agent, referrer, languages, client hints and KeepHeader
	OptOutRefuse                  // not stored; the answer is 200 instead of 204, so that clients don't retry
)

var optOutNames = []string{"keep", "anonymous", "refuse"}

// MarshalText returns keep, anonymous or refuse.
func (o OptOut) MarshalText() ([]byte, error) { return []byte(optOutNames[o]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (o *OptOut) UnmarshalText(text []byte) error { return choose(o, optOutNames, string(text)) }

// optsOut reports whether a request's client asks not to be tracked. values returns all values of a header. The
// names are in canonical form, because http.Header.Values allocates for others. DNT may have extensions after its
// first character (Tracking Preference Expression, "DNT Header Field").
func optsOut(values func(name string) []string) bool {
	for _, v := range values("Sec-Gpc") {
		if strings.TrimSpace(v) == "1" {
			return true
		}
	}
	for _, v := range values("Dnt") {
		if strings.HasPrefix(strings.TrimSpace(v), "1") {
			return true
		}
	}
	return false
}
