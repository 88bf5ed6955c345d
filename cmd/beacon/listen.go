package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"
)

// A listening is where and how a collector listens.
type listening struct {
	address          string
	perAddress       int            // connections at a time, or 0
	proxies          []netip.Prefix // have as many as they like
	proxyProtocol    bool           // and may say who is behind them
	certificate, key string         // files, or ""
}

// A listener counts connections, takes the PROXY protocol and speaks TLS, in this order.
type listener struct {
	net.Listener
	conns  *connections
	secure bool
}

func (o listening) open(log *slog.Logger) (*listener, error) {
	l := &listener{conns: newConnections(o.perAddress, o.proxies)}
	var config *tls.Config
	takes := takenByPlain
	if o.certificate != "" {
		c, err := loadCertificate(o.certificate, o.key, log)
		if err != nil {
			return nil, err
		}
		l.secure, takes, config = true, takenByTLS, &tls.Config{GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: welcome}
	}
	inner, err := net.Listen("tcp", o.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop it, or choose another port with --listen 127.0.0.1:8081", o.address)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: write --listen as host:port, such as %s", err, defaultListen)
	}
	l.Listener = l.conns.listen(inner, takes)
	if o.proxyProtocol {
		l.Listener = &proxyproto.Listener{Listener: l.Listener, ReadHeaderTimeout: 10 * time.Second, ConnPolicy: o.believes}
	}
	if l.secure {
		l.Listener = tls.NewListener(l.Listener, config)
	}
	return l, nil
}

// welcome makes room for a client that is about to speak HTTP/2.
func welcome(client *tls.ClientHelloInfo) (*tls.Config, error) {
	if c := counted(client.Conn); c != nil && slices.Contains(client.SupportedProtos, "h2") && !c.multiplexes() {
		return nil, errors.New("too many connections are open")
	}
	return nil, nil
}

// believes says that a proxy may begin with the PROXY protocol, and needn't, as when it looks
// whether the collector is there; for anybody else it is a malformed request.
func (o listening) believes(from proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
	if contains(o.proxies, addressOf(from.Upstream)) {
		return proxyproto.USE, nil
	}
	return proxyproto.SKIP, nil
}

func (l *listener) scheme() string {
	if l.secure {
		return "https"
	}
	return "http"
}

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
