package weburl

import (
	"net/netip"
	"strings"

	"github.com/nlnwa/whatwg-url/url"
)

// Trustworthy is Secure Contexts, "Is origin potentially trustworthy?", of the URL's origin,
// for a user agent that trusts files.
func Trustworthy(u *url.Url) bool {
	o := OriginOf(u)
	if o.Scheme == "https" || o.Scheme == "wss" || u.Scheme() == "file" {
		return true
	}
	if ip, err := netip.ParseAddr(strings.Trim(o.Host, "[]")); err == nil {
		return ip.Is4() && ip.IsLoopback() || ip == netip.IPv6Loopback()
	}
	name := strings.TrimSuffix(o.Host, ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
