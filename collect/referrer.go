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

// trim returns what is stored of a URL. It is "" if the URL has no origin and only that is stored.
func (f Referrer) trim(url string) string {
	if f == ReferrerFull {
		return url
	}
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		if f == ReferrerOrigin {
			return ""
		}
		return url
	}
	host, path, _ := strings.Cut(rest, "/")
	host, credentials := host[strings.LastIndexByte(host, '@')+1:], strings.Contains(host, "@")
	switch {
	case f == ReferrerOrigin:
		return scheme + "://" + host + "/"
	case credentials:
		return scheme + "://" + host + "/" + path
	}
	return url
}
