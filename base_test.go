//go:build unix

package beacon_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-d051cf5a/beacon"
)

// The server has an IPv6 address only, speaks HTTP/2 and asks for a certificate.
func TestSend_BaseHasClientCertificate_ServerSeesIt(t *testing.T) {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	seen := make(chan *http.Request, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.WriteHeader(http.StatusNoContent)
	}))
	s.Listener.Close()
	s.Listener = listener
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.Certificates = s.TLS.Certificates
	n := open(t, beacon.Config{Base: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}})
	if err := n.Send(s.URL+"/x", "x"); err != nil {
		t.Fatal(err)
	}
	if r := <-seen; r.ProtoMajor != 2 || len(r.TLS.PeerCertificates) != 1 || r.URL.Path != "/x" {
		t.Errorf("%s %s with %d certificates", r.Proto, r.URL, len(r.TLS.PeerCertificates))
	}
}
