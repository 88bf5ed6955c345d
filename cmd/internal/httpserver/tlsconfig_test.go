package httpserver

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// serveTLS answers requests with the settings of TLSConfig and returns the address.
func serveTLS(t *testing.T) string {
	t.Helper()
	certificate := httptest.NewTLSServer(nil)
	certificate.Close()
	pair := &certificate.TLS.Certificates[0]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Handler: http.NotFoundHandler()})
	go s.ServeTLS(l, TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair, nil }))
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func TestTLSConfig_ClientVersion_IsAtLeast12(t *testing.T) {
	address := serveTLS(t)
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: got %v, want a connection: %v", tls.VersionName(version), err, want)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestTLSConfig_SecondConnection_ResumesSession(t *testing.T) {
	address := serveTLS(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{InsecureSkipVerify: true, ServerName: "example.com", MaxVersion: version, NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for i, want := range []bool{false, true} {
			conn, err := tls.Dial("tcp", address, client)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
			if _, err := io.ReadAll(conn); err != nil { // in TLS 1.3 the ticket comes with the data
				t.Fatal(err)
			}
			state := conn.ConnectionState()
			if state.DidResume != want || state.NegotiatedProtocol != "http/1.1" {
				t.Errorf("%s, connection %d: got resumed %v with %q, want %v with http/1.1", tls.VersionName(version), i+1, state.DidResume, state.NegotiatedProtocol, want)
			}
			conn.Close()
		}
	}
}
