package fetch

import (
	"net/netip"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
	"golang.org/x/net/publicsuffix"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// An origin is HTML's tuple origin (section "Origin"). The zero origin is an opaque one,
// which is the same as no other.
type origin struct{ scheme, host, port string }

// originOf is URL, "origin".
func originOf(u *url.Url) origin {
	switch u.Scheme() {
	case "http", "https", "ws", "wss", "ftp":
		return origin{u.Scheme(), u.Hostname(), u.Port()}
	case "blob":
		if inner, err := weburl.Parse(u.Pathname()); err == nil && isHTTP(inner) {
			return originOf(inner)
		}
	}
	return origin{}
}

func isHTTP(u *url.Url) bool { return u.Scheme() == "http" || u.Scheme() == "https" }

func (o origin) opaque() bool { return o == origin{} }

// String is HTML, "serialization of an origin".
func (o origin) String() string {
	switch {
	case o.opaque():
		return "null"
	case o.port == "":
		return o.scheme + "://" + o.host
	}
	return o.scheme + "://" + o.host + ":" + o.port
}

func (o origin) same(p origin) bool { return !o.opaque() && o == p }

func (o origin) sameSite(p origin) bool {
	return o.scheme == p.scheme && o.schemelesslySameSite(p)
}

// schemelesslySameSite is HTML's (section "Sites").
func (o origin) schemelesslySameSite(p origin) bool {
	if o.opaque() || p.opaque() {
		return false
	}
	if o.host == p.host {
		return true
	}
	domain := registrableDomain(o.host)
	return domain != "" && domain == registrableDomain(p.host)
}

// registrableDomain is URL's; "" is null. A dot at the end is part of it.
func registrableDomain(host string) string {
	if isIP(host) {
		return ""
	}
	name := strings.TrimSuffix(host, ".")
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return ""
	}
	return domain + host[len(name):]
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// trustworthy is Secure Contexts, "Is origin potentially trustworthy?".
func (o origin) trustworthy() bool {
	if o.scheme == "https" || o.scheme == "wss" {
		return true
	}
	if ip, err := netip.ParseAddr(strings.Trim(o.host, "[]")); err == nil {
		return ip.Is4() && ip.IsLoopback() || ip == netip.IPv6Loopback()
	}
	name := strings.TrimSuffix(o.host, ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// trustworthy is Secure Contexts, "Is url potentially trustworthy?", of what is fetched.
func trustworthy(u *url.Url) bool { return originOf(u).trustworthy() }

// SameOrigin says whether two URLs are of the same origin.
func SameOrigin(a, b string) bool {
	u, err1 := weburl.Parse(a)
	v, err2 := weburl.Parse(b)
	return err1 == nil && err2 == nil && originOf(u).same(originOf(v))
}
