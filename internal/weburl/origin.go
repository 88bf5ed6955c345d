package weburl

import "github.com/nlnwa/whatwg-url/url"

// An Origin is HTML's tuple origin (section "Origin"). The zero Origin is an opaque one,
// which is the same as no other.
type Origin struct {
	Scheme string
	Host   string // serialised: an IPv6 address has its brackets
	Port   string // "" is the scheme's own
}

// OriginOf is URL, "origin".
func OriginOf(u *url.Url) Origin {
	switch u.Scheme() {
	case "http", "https", "ws", "wss", "ftp":
		return Origin{u.Scheme(), u.Hostname(), u.Port()}
	case "blob":
		if inner, err := Parse(u.Pathname()); err == nil && IsHTTP(inner) {
			return OriginOf(inner)
		}
	}
	return Origin{}
}

// Opaque says whether o is an opaque origin.
func (o Origin) Opaque() bool { return o == Origin{} }

// String is HTML, "serialization of an origin".
func (o Origin) String() string {
	switch {
	case o.Opaque():
		return "null"
	case o.Port == "":
		return o.Scheme + "://" + o.Host
	}
	return o.Scheme + "://" + o.Host + ":" + o.Port
}

// Same is HTML, "same origin".
func (o Origin) Same(p Origin) bool { return !o.Opaque() && o == p }

// SameOrigin says whether two URLs are of the same origin. What is no URL has none.
func SameOrigin(a, b string) bool {
	u, err1 := Parse(a)
	v, err2 := Parse(b)
	return err1 == nil && err2 == nil && OriginOf(u).Same(OriginOf(v))
}
