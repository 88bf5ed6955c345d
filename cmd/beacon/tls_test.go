//go:build unix

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writeCertificate puts one for 127.0.0.1 into dir.
func writeCertificate(t *testing.T, dir string, serial int64) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "beacon"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(der)
	roots.AddCert(parsed)
	return cert, key, roots
}

func TestHTTPSWithACertificateThatIsRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key, roots := writeCertificate(t, dir, 1)
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

	_, _, renewed := writeCertificate(t, dir, 2)
	eventually(t, "the new certificate is in use", func() bool {
		res, err := post(renewed)
		return err == nil && res.StatusCode == 204 && res.TLS.PeerCertificates[0].SerialNumber.Int64() == 2
	})
}

// In the middle of a renewal the files don't fit; the old certificate stays in use. Where that
// is not only for a moment, the operator hears of it, once.
func TestHalfOfARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, key, _ := writeCertificate(t, t.TempDir(), 1)
		var log bytes.Buffer
		c, err := loadCertificate(cert, key, newLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		first := c.current
		for _, text := range []string{"half of a key", ""} {
			if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			log.Reset()
			for look := range 4 {
				time.Sleep(2 * certificateCheck)
				if got, err := c.get(nil); got != first || err != nil {
					t.Errorf("with %q for a key: %v %v", text, got, err)
				}
				if lines := strings.Count(log.String(), "can't be used"); lines != min(look, 1) {
					t.Errorf("after look %d the log is %q", look, &log)
				}
			}
		}
		writeCertificate(t, filepath.Dir(cert), 2)
		if got, _ := c.get(nil); got != first {
			t.Error("it looks more often than it need")
		}
		time.Sleep(2 * certificateCheck)
		if got, _ := c.get(nil); got == first {
			t.Error("the new one is not in use")
		}
	})
}
