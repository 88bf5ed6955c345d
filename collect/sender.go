package collect

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A sender is who a request came from, before any rule about what is kept of that.
type sender struct {
	address netip.Addr // not valid where it isn't known
	scheme  string     // of the URL that it was sent to
}

// from finds out who sent a request: the connection's other end, or, where that is a trusted
// proxy, the nearest address that none of them has. What stands further left in the headers
// anybody could have written.
//
// A proxy sets one of the two headers and lets the other through as the client wrote it. So
// where both are there and disagree, neither is believed, and the proxy is the sender.
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

// nearest goes through the hops from the right, for as long as they are trusted.
func (c *Collector) nearest(peer netip.Addr, hops []string) netip.Addr {
	for _, hop := range slices.Backward(hops) {
		addr, ok := parseHop(hop)
		if !ok {
			return peer // its name is hidden, or nonsense: the proxy before it is what is known
		}
		if peer = addr; !c.trusts(addr) {
			break
		}
	}
	return peer
}

// parseHop takes an address with or without a port, and IPv6 with or without brackets.
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

// forwardedFor are the addresses of X-Forwarded-For, the farthest first.
func forwardedFor(h http.Header) []string {
	if values := h.Values("X-Forwarded-For"); len(values) > 0 {
		return strings.Split(strings.Join(values, ","), ",")
	}
	return nil
}

// forwardedHops are the same of Forwarded (RFC 7239, section 4), where an element that
// doesn't say "for" is a hop that isn't known.
func forwardedHops(h http.Header) (hops []string) {
	for _, value := range h.Values("Forwarded") {
		for _, element := range splitQuoted(value, ',') {
			hops = append(hops, forwardedParameter(element, "for"))
		}
	}
	return hops
}

func lastElement(values []string) string {
	if len(values) == 0 {
		return ""
	}
	elements := splitQuoted(values[len(values)-1], ',')
	return elements[len(elements)-1]
}

func forwardedParameter(element, name string) string {
	for _, pair := range splitQuoted(element, ';') {
		key, value, _ := strings.Cut(pair, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), `"`), `\`, "")
		}
	}
	return ""
}

// splitQuoted splits at the separators that are in no quoted string. A part whose quoted string
// never ends is empty: a client may have begun it, to make what a proxy adds a part of its own.
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
		return append(parts, "")
	}
	return append(parts, s[begin:])
}
