package httpserver

import (
	"crypto/tls"
	"strings"
)

// TLSConfig returns the TLS settings of the collector's listeners, for Server.ServeTLS. get chooses the
// certificate of a handshake. protocols are offered by ALPN after HTTP/2 and HTTP/1.1, which ServeTLS adds.
//
//   - TLS 1.2 and 1.3. A server of crypto/tls never renegotiates.
//   - The curves and cipher suites of crypto/tls, which change with its version.
//   - Session tickets. crypto/tls makes a new key each day and accepts a ticket for seven days. A resumed
//     handshake sends no certificate and makes no signature; docs/performance.md has what that saves.
//
// The keys of the tickets belong to the returned value. A hook GetConfigForClient that returned another
// value would end resumption.
func TLSConfig(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), protocols ...string) *tls.Config {
	return &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12, NextProtos: protocols}
}

// CertificateNames returns a function that reports whether the certificate of get is valid for a host,
// which is a name or an IP address without a port.
func CertificateNames(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(host string) bool {
	return func(host string) bool {
		c, err := get(&tls.ClientHelloInfo{ServerName: host})
		// VerifyHostname takes *.example.com for a host of the certificate for *.example.com.
		return err == nil && c != nil && c.Leaf != nil && c.Leaf.VerifyHostname(host) == nil && !strings.Contains(host, "*")
	}
}
