package httpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// An acmeCollector is a TLS listener and a plain one, whose certificate comes from a pebble.
type acmeCollector struct {
	*ACME
	t         *testing.T
	ca        *pebble
	dir       string
	log       proctest.Buffer
	tls, http net.Listener // http may be nil
	plain     http.Handler // of http
}

// newACMECollector opens the listeners but does not ask for certificates yet. Tests that ask have different
// domains, because certmagic has one schedule of failed renewals for a process.
func newACMECollector(t *testing.T, ca *pebble, dir string, plain bool, domains ...string) *acmeCollector {
	c := &acmeCollector{t: t, ca: ca, dir: dir}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	c.tls = listen()
	o := ACMEOptions{Domains: domains, Email: "operator@a.test", Directory: ca.directory, Dir: dir, Listen: c.tls.Addr().String(),
		Logger: slog.New(slog.NewTextHandler(&c.log, nil)), roots: ca.roots, renewCheck: time.Second}
	if plain {
		c.http = listen()
		o.ListenHTTP = c.http.Addr().String()
	}
	var err error
	if c.ACME, err = OpenACME(o); err != nil {
		t.Fatal(err)
	}
	c.plain = c.HTTPHandler(&Redirect{Port: portOf(c.tls), HTTPPort: portOf(c.http), Names: c.Serves})
	s := New(Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			c.plain.ServeHTTP(w, r)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	})})
	go s.ServeTLS(c.tls, c.TLSConfig())
	if plain {
		go s.Serve(c.http)
	}
	t.Cleanup(func() { s.Close() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the collector:\n%s", c.log.String())
		}
	})
	return c
}

func portOf(l net.Listener) int {
	if l == nil {
		return 0
	}
	return l.Addr().(*net.TCPAddr).Port
}

// handshake returns the certificate that the collector has for a name, after it was verified if roots is
// not nil.
func (c *acmeCollector) handshake(name string, roots *x509.CertPool) (*x509.Certificate, error) {
	config := &tls.Config{ServerName: name, RootCAs: roots, InsecureSkipVerify: roots == nil}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", c.tls.Addr().String(), config)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// certificate waits for the certificate of a name and verifies it.
func (c *acmeCollector) certificate(name string) (leaf *x509.Certificate) {
	c.t.Helper()
	await(c.t, "certificate for "+name, func() bool {
		var err error
		leaf, err = c.handshake(name, nil)
		return err == nil
	})
	if _, err := c.handshake(name, c.ca.issuers()); err != nil {
		c.t.Fatalf("certificate for %s: %v", name, err)
	}
	return leaf
}

func TestACME_FirstStart_GetsCertificateByTLSALPN01(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, filepath.Join(t.TempDir(), "acme"), false, "a.test", "B.test")
	ca.start(portOf(c.tls), 1, 3600)
	c.Start()
	defer c.Close()
	for _, name := range []string{"a.test", "b.test"} {
		leaf := c.certificate(name)
		if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("%s: got a key of type %T, want ECDSA P-256", name, leaf.PublicKey)
		}
		if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != name {
			t.Errorf("got a certificate for %q, want %q", leaf.DNSNames, name)
		}
	}
	if strings.Contains(ca.log.String(), "Skipping real validation") {
		t.Error("the CA didn't validate")
	}

	for _, want := range []string{"HTTP/2.0", "HTTP/1.1"} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.issuers()}, Protocols: new(http.Protocols),
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, c.tls.Addr().String())
			}}
		transport.Protocols.SetHTTP2(want == "HTTP/2.0")
		transport.Protocols.SetHTTP1(want == "HTTP/1.1")
		res, err := (&http.Client{Transport: transport}).Post("https://A.TEST/x", "text/plain", strings.NewReader("x"))
		if err != nil || res.StatusCode != http.StatusNoContent || res.Proto != want {
			t.Errorf("POST: got %v, %v, want 204 by %s", res, err, want)
		}
		transport.CloseIdleConnections()
	}
	if runtime.GOOS != "windows" { // which has no such modes
		filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: got mode %v (%v), want access for the owner only", path, info.Mode(), err)
			}
			return nil
		})
	}
}

func TestACME_TLSPortClosedToTheCA_GetsCertificateByHTTP01(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, t.TempDir(), true, "http01.test")
	ca.start(1, portOf(c.http), 3600)
	c.Start()
	defer c.Close()
	c.certificate("http01.test")
	if log := ca.log.String(); !strings.Contains(log, "Attempting to validate w/ HTTP: http://http01.test:") || strings.Contains(log, "Skipping real validation") {
		t.Error("the CA didn't validate by HTTP-01")
	}

	// Anything else on the plain listener is redirected, also an unknown token.
	for _, path := range []string{"/", "/.well-known/acme-challenge/unknown"} {
		res, _ := ask(t, c.plain, "GET "+path+" HTTP/1.1", fmt.Sprintf("Host: http01.test:%d", portOf(c.http)))
		if want := fmt.Sprintf("https://http01.test:%d%s", portOf(c.tls), path); res.StatusCode != http.StatusPermanentRedirect || res.Header.Get("Location") != want {
			t.Errorf("%s: got %v to %q, want 308 to %q", path, res.Status, res.Header.Get("Location"), want)
		}
	}
}

func TestACME_Restart_UsesStoredCertificateWithoutCA(t *testing.T) {
	t.Parallel()
	ca, dir := newPebble(t), t.TempDir()
	first := newACMECollector(t, ca, dir, false, "restart.test")
	stop := ca.start(portOf(first.tls), 1, 3600)
	first.Start()
	want := first.certificate("restart.test")
	first.Close()
	stop()

	second := newACMECollector(t, ca, dir, false, "restart.test")
	second.Start()
	defer second.Close()
	var got *x509.Certificate
	await(t, "stored certificate", func() bool {
		var err error
		got, err = second.handshake("restart.test", nil)
		return err == nil
	})
	if !got.Equal(want) {
		t.Errorf("got certificate %v, want the stored one %v", got.SerialNumber, want.SerialNumber)
	}
	if log := second.log.String(); log != "" {
		t.Errorf("got the log %q, want none: no request to the CA is needed", log)
	}
}

func TestACME_ShortLivedCertificate_IsRenewedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, t.TempDir(), false, "renewal.test")
	ca.start(portOf(c.tls), 1, 60)
	c.Start()
	defer c.Close()
	first, roots := c.certificate("renewal.test"), ca.issuers()
	await(t, "renewed certificate", func() bool {
		leaf, err := c.handshake("renewal.test", roots)
		if err != nil {
			t.Fatalf("during the renewal: %v", err)
		}
		if leaf.Equal(first) {
			return false
		}
		if !leaf.NotBefore.Before(first.NotAfter) {
			t.Errorf("renewed at %v, want before the end of the first at %v", leaf.NotBefore, first.NotAfter)
		}
		if leaf.PublicKey.(*ecdsa.PublicKey).Equal(first.PublicKey) {
			t.Error("the renewed certificate has the old key")
		}
		return true
	})
}

func TestACME_CADownAtStart_RefusesHandshakesAndTriesAgain(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, t.TempDir(), false, "down.test")
	c.Start()
	defer c.Close()
	await(t, "log line about the CA", func() bool { return strings.Contains(c.log.String(), "certificate request failed") })
	for _, want := range []string{"domain=down.test", "connection refused", "check that this machine reaches the CA"} {
		if !strings.Contains(c.log.String(), want) {
			t.Errorf("got the log %q, want %q in it", c.log.String(), want)
		}
	}
	begun := time.Now()
	if _, err := c.handshake("down.test", nil); !strings.Contains(errorText(err), "internal error") {
		t.Errorf("handshake without a certificate: got %v, want the alert internal_error", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the refusal took %v: the handshake waits for the CA", took)
	}

	ca.start(portOf(c.tls), 1, 3600)
	c.certificate("down.test")
}

func TestACME_CloseWhileCAHangs_ReturnsAtOnce(t *testing.T) {
	t.Parallel()
	ca := newPebble(t) // is not started: this listener is in its place
	l, err := net.Listen("tcp", ca.address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := newACMECollector(t, ca, t.TempDir(), false, "hang.test")
	c.Start()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begun := time.Now()
	c.Close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if log := c.log.String(); strings.Contains(log, "ERROR") {
		t.Errorf("got the log %q, want no error: the end was asked for", log)
	}
}

func TestACME_CADownForRenewal_LogsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, t.TempDir(), false, "expiry.test")
	stop := ca.start(portOf(c.tls), 1, 40)
	c.Start()
	defer c.Close()
	leaf := c.certificate("expiry.test")
	stop()
	await(t, "log line about the end", func() bool { return strings.Contains(c.log.String(), "certificate expires and is not renewed") })
	if now := time.Now(); now.After(leaf.NotAfter) {
		t.Errorf("logged at %v, after the end of the certificate at %v", now, leaf.NotAfter)
	}
	if got, err := c.handshake("expiry.test", nil); err != nil || !got.Equal(leaf) {
		t.Errorf("handshake meanwhile: got %v, %v, want the old certificate", got, err)
	}
}

func TestACME_CACannotConnect_LogsReasonAndHint(t *testing.T) {
	t.Parallel()
	ca := newPebble(t)
	c := newACMECollector(t, ca, t.TempDir(), false, "closed.test")
	ca.start(1, 1, 3600)
	c.Start()
	defer c.Close()
	await(t, "log line about the challenge", func() bool { return strings.Contains(c.log.String(), "certificate request failed") })
	for _, want := range []string{"Failed to connect", "reach this collector at port 443"} {
		if !strings.Contains(c.log.String(), want) {
			t.Errorf("got the log %q, want %q in it", c.log.String(), want)
		}
	}
}

func TestACME_NameNotListed_RefusesAndLogsOnce(t *testing.T) {
	t.Parallel()
	c := newACMECollector(t, newPebble(t), t.TempDir(), false, "a.test")
	for range 50 {
		for _, name := range []string{"www.a.test", ""} {
			if _, err := c.handshake(name, nil); !strings.Contains(errorText(err), "unrecognized name") {
				t.Fatalf("handshake for %q: got %v, want the alert unrecognized_name", name, err)
			}
		}
	}
	if log := c.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "last=www.a.test") {
		t.Errorf("got the log %q, want one line about www.a.test", log)
	}
	c.Close()
}

func TestHourly_ManyEvents_OneLineEachHour(t *testing.T) {
	var h hourly
	begun := time.Now()
	for i, test := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Second, 0}, {time.Hour - 1, 0}, {time.Hour, 3}, {time.Hour + 1, 0}, {3 * time.Hour, 2}} {
		if got := h.add(begun.Add(test.after)); got != test.want {
			t.Errorf("event %d, after %v: got %d, want %d", i+1, test.after, got, test.want)
		}
	}
}

func TestOpenACME_InvalidOptions_ReturnsErrorWithAdvice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ domain, directory, listen, dir, want string }{
		{"*.a.test", "", ":443", t.TempDir(), "name each host"},
		{"127.0.0.1", "", ":443", t.TempDir(), "write a name"},
		{"https://a.test", "", ":443", t.TempDir(), "write a name"},
		{"a.test:443", "", ":443", t.TempDir(), "write a name"},
		{"a b", "", ":443", t.TempDir(), "write a name"},
		{"", "", ":443", t.TempDir(), "write a name"},
		{"a.test", "http://ca.test/dir", ":443", t.TempDir(), "URL of a CA's directory"},
		{"a.test", "", "443", t.TempDir(), "host:port"},
		{"a.test", "", ":443", filepath.Join(file, "acme"), "writable"},
	} {
		_, err := OpenACME(ACMEOptions{Domains: []string{test.domain}, Directory: test.directory, Listen: test.listen, Dir: test.dir, Logger: slog.New(slog.DiscardHandler)})
		if !strings.Contains(errorText(err), test.want) {
			t.Errorf("%+v: got %v, want an error with %q", test, err, test.want)
		}
	}
}

func TestOpenACME_Domains_AreASCIIAndOnce(t *testing.T) {
	a, err := OpenACME(ACMEOptions{Domains: []string{"Bücher.test", "xn--bcher-kva.test.", "a.test"}, Listen: "[::]:443", Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := strings.Join(a.domains, " "); got != "xn--bcher-kva.test a.test" {
		t.Errorf("got %q, want each domain once, in ASCII", got)
	}
	if a.issuer.ListenHost != "" || a.issuer.AltTLSALPNPort != 443 || !a.issuer.DisableHTTPChallenge {
		t.Errorf("got host %q, port %d, HTTP-01 off %v, want all hosts, 443, true", a.issuer.ListenHost, a.issuer.AltTLSALPNPort, a.issuer.DisableHTTPChallenge)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
