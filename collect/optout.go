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
	OptOutAnonymous               // stored without client IP, country, user agent, referrer, languages, client hints and KeepHeader
	OptOutRefuse                  // not stored; the answer is 200 instead of 204, so that clients don't retry
)

var optOutNames = []string{"keep", "anonymous", "refuse"}

// MarshalText returns keep, anonymous or refuse.
func (o OptOut) MarshalText() ([]byte, error) { return []byte(optOutNames[o]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (o *OptOut) UnmarshalText(text []byte) error { return choose(o, optOutNames, string(text)) }

// optsOut reports whether a request's client asks not to be tracked. values returns all values of a header. The
// names are in canonical form, because http.Header.Values allocates for others. A proxy may have joined several lines
// with commas: any member counts. DNT may have extensions after its first character (Tracking Preference Expression,
// "DNT Header Field"), without commas.
func optsOut(values func(name string) []string) bool {
	for _, v := range values("Sec-Gpc") {
		for member := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(member) == "1" {
				return true
			}
		}
	}
	for _, v := range values("Dnt") {
		for member := range strings.SplitSeq(v, ",") {
			if strings.HasPrefix(strings.TrimSpace(member), "1") {
				return true
			}
		}
	}
	return false
}

// anonymousHeaders are those of a beacon that is stored without what distinguishes one person from another.
var anonymousHeaders = map[string]bool{
	"Host": true, "Content-Type": true, "Content-Encoding": true, "Content-Length": true,
	"Idempotency-Key": true, "Date": true, "Beacon-Lost": true,
	"Origin": true, "Ping-To": true, "Dnt": true, "Sec-Gpc": true,
	"Sec-Fetch-Site": true, "Sec-Fetch-Mode": true, "Sec-Fetch-Dest": true, "Sec-Fetch-User": true, "Sec-Fetch-Storage-Access": true,
}

// anonymize removes the parts of a record that distinguish one person from another.
func anonymize(r *warc.Record) {
	r.IP = ""
	r.Extra = slices.DeleteFunc(r.Extra, func(f warc.Field) bool {
		return f.Name == row.AddressField || f.Name == row.VisitorField || f.Name == row.CountryField
	})
	r.Request.Header = slices.DeleteFunc(r.Request.Header, func(f warc.Field) bool {
		return !anonymousHeaders[http.CanonicalHeaderKey(f.Name)]
	})
}
