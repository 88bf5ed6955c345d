package collect

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A sender is the client of a request, before the privacy rules are applied.
type sender struct {
	address netip.Addr // the client IP; invalid if it is unknown
	scheme  string     // of the request's URL: http or https
}

// from returns the client of a request. The client IP is the peer's. If the peer is a trusted proxy,
// it is the rightmost address of X-Forwarded-For or Forwarded that is not a trusted proxy's. Addresses
// further left are not used, because a client can write them.
//
// A proxy sets one of the two headers and passes on the other as the client wrote it. If both are
// present and name different clients, from uses neither, and the client IP is the proxy's.
func (c *Collector) from(r *http.Request) sender {
	s := sender{scheme: "http"}
	if r.TLS != nil {
		s.scheme = "https"
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		s.address = peer.Addr().Unmap().WithZone("")
	}
	if !c.trusts(s.address) {
		return s
	}
	hops, forwarded := forwardedFor(r.Header), forwardedHops(r.Header)
	client := c.nearest(s.address, hops)
	switch {
	case len(hops) == 0:
		client = c.nearest(s.address, forwarded)
	case len(forwarded) > 0 && c.nearest(s.address, forwarded) != client:
		client = s.address
	}
	s.address = client
	switch proto := strings.ToLower(r.Header.Get("X-Forwarded-Proto")); proto {
	case "http", "https":
		s.scheme = proto
	case "":
		if proto := strings.ToLower(forwardedParameter(lastElement(r.Header.Values("Forwarded")), "proto")); proto == "http" || proto == "https" {
			s.scheme = proto
		}
	}
	return s
}

func (c *Collector) trusts(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(c.options.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// nearest returns the rightmost hop that is not a trusted proxy. If all hops are trusted, it returns the
// leftmost one. It stops at a hop without an address, and returns the hop to the right of it, or peer.
func (c *Collector) nearest(peer netip.Addr, hops []string) netip.Addr {
	for _, hop := range slices.Backward(hops) {
		addr, ok := parseHop(hop)
		if !ok {
			return peer // "unknown", obfuscated (RFC 7239, section 6) or malformed
		}
		if peer = addr; !c.trusts(addr) {
			break
		}
	}
	return peer
}

// parseHop parses an address with or without a port. IPv6 may have brackets.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
	if err != nil {
		at, err := netip.ParseAddrPort(hop)
		if err != nil {
			return addr, false
		}
		addr = at.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

// forwardedFor returns the addresses of X-Forwarded-For, the farthest first. Empty elements don't count (RFC 9110,
// section 5.6.1.2).
func forwardedFor(h http.Header) (hops []string) {
	for _, value := range h.Values("X-Forwarded-For") {
		for hop := range strings.SplitSeq(value, ",") {
			if hop = strings.TrimSpace(hop); hop != "" {
				hops = append(hops, hop)
			}
		}
	}
	return hops
}

// forwardedHops returns the parameters "for" of Forwarded (RFC 7239, section 4), the farthest first. An
// element without the parameter gives "", which is an unknown hop.
func forwardedHops(h http.Header) (hops []string) {
	for _, value := range h.Values("Forwarded") {
		for _, element := range elementsOf(value) {
			hops = append(hops, forwardedParameter(element, "for"))
		}
	}
	return hops
}

// lastElement returns the last element of the values of a Forwarded header.
func lastElement(values []string) string {
	if len(values) == 0 {
		return ""
	}
	elements := elementsOf(values[len(values)-1])
	if len(elements) == 0 {
		return ""
	}
	return elements[len(elements)-1]
}

// elementsOf returns the elements of a value of Forwarded that are not empty.
func elementsOf(value string) []string {
	return slices.DeleteFunc(splitQuoted(value, ','), func(e string) bool { return strings.TrimSpace(e) == "" })
}

// forwardedParameter returns the value of a parameter of an element of Forwarded, without quotes, or "".
func forwardedParameter(element, name string) string {
	for _, pair := range splitQuoted(element, ';') {
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), `"`), `\`, "")
		}
	}
	return ""
}

// splitQuoted splits s at the separators outside quoted strings. A part whose quoted string does not end
// is returned as a quote: a client may have begun the string to hide the element that a proxy appends.
func splitQuoted(s string, separator byte) (parts []string) {
	quoted, begin := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	if quoted {
		return append(parts, `"`)
	}
	return append(parts, s[begin:])
}
