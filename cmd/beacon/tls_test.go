//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

func TestServe_CertificateRenewed_UsesTheNewOne(t *testing.T) {
	dir := t.TempDir()
	cert, key, roots := certtest.Write(t, dir, 1)
	s := newPlace(t).serve("127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatal(s.URL)
	}
	post := func(roots *x509.CertPool) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		return client.Post(s.URL+"/x", "text/plain", strings.NewReader("a"))
	}
	res, err := post(roots)
	if err != nil || res.StatusCode != 204 || res.Proto != "HTTP/2.0" {
		t.Fatalf("%v %v", res, err)
	}

	_, _, renewed := certtest.Write(t, dir, 2)
	eventually(t, "the new certificate is in use", func() bool {
		res, err := post(renewed)
		return err == nil && res.StatusCode == 204 && res.TLS.PeerCertificates[0].SerialNumber.Int64() == 2
	})
}
