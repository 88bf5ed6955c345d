package collect

import "strings"

// A Referrer is how much is stored of the page's URL, in the headers Referer, Ping-From and Ping-To.
type Referrer int

const (
	ReferrerPath   Referrer = iota // without the query, which can have tokens and names of people
	ReferrerOrigin                 // scheme, host and port
	ReferrerFull                   // as it was sent
)

var referrerNames = []string{"path", "origin", "full"}

// MarshalText returns path, origin or full.
func (f Referrer) MarshalText() ([]byte, error) { return []byte(referrerNames[f]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (f *Referrer) UnmarshalText(text []byte) error { return choose(f, referrerNames, string(text)) }

// trim returns what is stored of a URL: without its credentials, query and fragment. It is "" if the URL has no scheme,
// "://" and host. Browsers send no other referrer, and only they can tell where the credentials are in one, such as
// //user:password@host/.
func (f Referrer) trim(url string) string {
	if f == ReferrerFull {
		return url
	}
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || !isScheme(strings.ToLower(scheme)) {
		return ""
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, `/\`); i >= 0 { // browsers take either for the end of the host
		host, path = rest[:i], rest[i:]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	origin := scheme + "://" + host
	if host == "" || !isOrigin(origin) {
		return ""
	}
	if f == ReferrerOrigin {
		return origin + "/"
	}
	return origin + path
}
