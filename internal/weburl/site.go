package weburl

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// SameSite is HTML, "same site".
func (o Origin) SameSite(p Origin) bool {
	return o.Scheme == p.Scheme && o.SchemelesslySameSite(p)
}

// SchemelesslySameSite is HTML, "schemelessly same site".
func (o Origin) SchemelesslySameSite(p Origin) bool {
	if o.Opaque() || p.Opaque() {
		return false
	}
	if o.Host == p.Host {
		return true
	}
	domain := registrableDomain(o.Host)
	return domain != "" && domain == registrableDomain(p.Host)
}

// registrableDomain is URL's; "" is null. A dot at the end is part of it.
func registrableDomain(host string) string {
	if IsIP(host) {
		return ""
	}
	name := strings.TrimSuffix(host, ".")
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return ""
	}
	return domain + host[len(name):]
}

// IsIP says whether a serialised host is an IP address.
func IsIP(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
