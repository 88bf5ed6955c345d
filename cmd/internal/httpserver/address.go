package httpserver

import (
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// addressOf returns the IP of a connection's peer, or an invalid one.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// behindProxy returns conn with the addresses that the PROXY protocol gives it. A proxy may leave
// them out, as in a health check.
func behindProxy(conn net.Conn) net.Conn {
	return proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.USE), proxyproto.SetReadHeaderTimeout(headerSeconds*time.Second))
}
