package httpserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"
	"golang.org/x/net/idna"
)

const (
	// ACMEDirectory is the directory URL of Let's Encrypt, the default of ACMEOptions.Directory.
	ACMEDirectory = certmagic.LetsEncryptProductionCA

	// acmeAgain is the wait after all attempts for a certificate have failed. certmagic itself tries again
	// after 1 min at first and 6 h at last, for 30 days. It gives up earlier if the CA's test directory
	// issues a certificate and the real one refuses to.
	acmeAgain = time.Hour
)

// ACMEOptions are the options of OpenACME.
type ACMEOptions struct {
	Domains    []string // host names, at least one; IDNs in Unicode or ASCII
	Email      string   // where the CA sends notices; may be empty
	Directory  string   // URL of the CA's directory; default: ACMEDirectory
	Dir        string   // folder of certificates and keys, made with mode 0700
	Listen     string   // host:port of the TLS listener
	ListenHTTP string   // host:port of the plain listener; without it HTTP-01 is off
	Logger     *slog.Logger

	roots      *x509.CertPool // of the CA's directory; default: the system's (SSL_CERT_FILE)
	renewCheck time.Duration  // between two looks for due renewals; default: 10 min
}

// An ACME gets the certificates of its domains from a CA (RFC 8555), one for each domain, and renews them
// when a third of their lifetime is left, or when the CA asks for it (RFC 9773). It proves the ownership of
// a domain by TLS-ALPN-01 (RFC 8737) on the TLS listener or by HTTP-01 on the plain one. Keys are ECDSA
// P-256, a new one for each certificate. Its methods are safe for concurrent use.
type ACME struct {
	options ACMEOptions
	domains []string // ASCII, lower case
	cache   *certmagic.Cache
	config  *certmagic.Config
	issuer  *certmagic.ACMEIssuer

	cancel  context.CancelFunc
	running sync.WaitGroup

	refused hourly // handshakes for names that are not domains
}

// OpenACME checks the options and creates the folder. It does not use the network; see Start.
func OpenACME(o ACMEOptions) (*ACME, error) {
	a := &ACME{options: o}
	for _, d := range o.Domains {
		name, err := domainName(d)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(a.domains, name) {
			a.domains = append(a.domains, name)
		}
	}
	template := certmagic.ACMEIssuer{CA: o.Directory, Email: o.Email, Agreed: true, TrustedRoots: o.roots, Logger: zap.NewNop()}
	if template.CA == "" {
		template.CA = ACMEDirectory
	}
	if u, err := url.Parse(template.CA); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("acme: %q is not the URL of a CA's directory: write one such as %s", template.CA, ACMEDirectory)
	}
	// certmagic looks whether these addresses are in use. Where one is not, it listens there itself
	// for the time of the challenge.
	var err error
	if template.ListenHost, template.AltTLSALPNPort, err = splitAddress(o.Listen); err != nil {
		return nil, err
	}
	if template.DisableHTTPChallenge = o.ListenHTTP == ""; !template.DisableHTTPChallenge {
		if _, template.AltHTTPPort, err = splitAddress(o.ListenHTTP); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("acme: %w: the folder of the certificates must be writable", err)
	}

	// certmagic's own log has the addresses of clients and a line for each step. The events and the
	// watch of each certificate's end replace it.
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		RenewCheckInterval: o.renewCheck,
		Logger:             zap.NewNop(),
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage:        &certmagic.FileStorage{Path: o.Dir},
		OnEvent:        a.event,
		ShouldEmitFunc: func(event string) bool { return strings.HasPrefix(event, "cert_") }, // not one for each handshake
		Logger:         zap.NewNop(),
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, template)
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// domainName returns the ASCII form of a host name.
func domainName(d string) (string, error) {
	if strings.HasPrefix(d, "*.") {
		return "", fmt.Errorf("acme: no certificate for the wildcard %q: name each host, or use a certificate in files", d)
	}
	name, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSuffix(d, ".")))
	if _, isAddress := netip.ParseAddr(name); err != nil || name == "" || isAddress == nil || !certmagic.SubjectQualifiesForCert(name) {
		return "", fmt.Errorf("acme: %q is not a host name: write a name such as collect.example.com", d)
	}
	return name, nil
}

// splitAddress returns the host, empty for all addresses of the machine, and the port of a listener.
func splitAddress(address string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(address)
	if err == nil {
		port, err = net.LookupPort("tcp", service)
	}
	if err != nil {
		return "", 0, fmt.Errorf("acme: %w: write the address of a listener as host:port", err)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = ""
	}
	return host, port, nil
}

// Start loads the stored certificates and asks the CA for the missing ones. It returns at once, and tries
// until Close. The listeners must be open already, because the CA connects to them.
func (a *ACME) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	for _, domain := range a.domains {
		a.running.Go(func() { a.manage(ctx, domain) })
	}
}

// Close ends running orders and renewals. Certificates in memory stay in use.
func (a *ACME) Close() {
	if a.cancel != nil {
		a.cancel()
	}
	a.running.Wait()
	a.cache.Stop()
}

// manage gets one domain's certificate and then watches its end. certmagic renews it.
func (a *ACME) manage(ctx context.Context, domain string) {
	for {
		err := a.config.ObtainCertAsync(ctx, domain) // waits and tries again, and does nothing if one is stored
		if err == nil {
			_, err = a.config.CacheManagedCertificate(ctx, domain)
		}
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			a.options.Logger.Error("certificate can't be loaded or requested", "domain", domain, "error", err,
				"next", acmeAgain, "hint", fmt.Sprintf("if a file below %s is damaged, delete it", a.options.Dir))
		}
		if !waitOrDone(ctx, acmeAgain) {
			return
		}
	}
	a.cache.RenewManagedCertificates(ctx) // the stored one may be due already
	for overdue := (time.Time{}); ; {
		expires, next := a.expiry(domain, time.Now())
		if next <= 0 {
			next = -next
			if expires.Equal(overdue) { // not at the first look: the renewal may be running
				a.options.Logger.Error("certificate expires and is not renewed", "domain", domain, "expires", expires.UTC().Format(time.RFC3339),
					"hint", "earlier log lines of this domain have the reason")
			}
			overdue = expires
		}
		if !waitOrDone(ctx, next) {
			return
		}
	}
}

// expiry returns when the domain's certificate in use ends, and after which time to look again. That is
// negative if less than a quarter of the lifetime is left: certmagic renews when a third is left.
func (a *ACME) expiry(domain string, now time.Time) (expires time.Time, next time.Duration) {
	var leaf *x509.Certificate
	for _, c := range a.cache.AllMatchingCertificates(domain) {
		if leaf == nil || c.Leaf.NotAfter.After(leaf.NotAfter) {
			leaf = c.Leaf
		}
	}
	if leaf == nil { // between two certificates
		return now, time.Second
	}
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	if left := leaf.NotAfter.Sub(now) - lifetime/4; left > 0 {
		return leaf.NotAfter, left
	}
	return leaf.NotAfter, -max(min(lifetime/16, 24*time.Hour), time.Second)
}

// waitOrDone waits for d. It returns false if ctx is done before.
func waitOrDone(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// event logs the events of certmagic: one for each attempt, whose number its back-off bounds.
func (a *ACME) event(ctx context.Context, event string, data map[string]any) error {
	log := a.options.Logger.With("domain", data["identifier"])
	switch event {
	case "cert_obtaining":
		log.Info("certificate is requested", "directory", a.issuer.CA)
	case "cert_obtained":
		log.Info("certificate is issued")
	case "cert_failed":
		if err, _ := data["error"].(error); err != nil && ctx.Err() == nil {
			log.Error("certificate request failed", "error", err, "hint", a.hint(err))
		}
	}
	return nil
}

// hint returns what the operator can do about a failed attempt. The problem types are those of RFC 8555,
// section 6.7.
func (a *ACME) hint(err error) string {
	var problem acme.Problem
	if !errors.As(err, &problem) {
		return "check that this machine reaches the CA and trusts its certificate (SSL_CERT_FILE names the file of a private CA's root); the next attempts follow by themselves"
	}
	switch problem.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeTLS, acme.ProblemTypeIncorrectResponse, acme.ProblemTypeUnauthorized:
		return "let the domain's DNS name this machine, and let the Internet reach this collector at port 443 of the domain, or at port 80 with --listen-http"
	case acme.ProblemTypeDNS:
		return "give the domain an A or AAAA record with this machine's address"
	case acme.ProblemTypeCAA:
		return "the domain's CAA record must allow this CA"
	case acme.ProblemTypeRateLimited:
		return "the CA allows more later; keep the folder of the certificates, so that none is requested twice"
	case acme.ProblemTypeInvalidContact, acme.ProblemTypeUnsupportedContact:
		return "set --acme-email to an address that the CA accepts"
	case acme.ProblemTypeExternalAccountRequired:
		return "this CA wants an account that is made at its site: choose another one with --acme-directory, or use --tls-cert"
	}
	return "the error is the CA's; the next attempts follow by themselves"
}

// Serves reports whether host is one of the domains.
func (a *ACME) Serves(host string) bool { return slices.Contains(a.domains, strings.ToLower(host)) }

// TLSConfig returns the settings of the TLS listener. A handshake for another domain ends with the alert
// unrecognized_name. While a domain has no certificate, its handshakes end with internal_error at once. A
// connection that negotiates the protocol acme-tls/1 is a challenge and has no requests.
func (a *ACME) TLSConfig() *tls.Config { return TLSConfig(a.certificate, acmez.ACMETLS1Protocol) }

func (a *ACME) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if !a.Serves(hello.ServerName) {
		// Most are of scanners, which send many.
		if count := a.refused.add(time.Now()); count > 0 {
			name := hello.ServerName
			a.options.Logger.Info("handshakes refused for other names", "count", count, "last", name[:min(len(name), 253)],
				"hint", "add a name of yours with --acme")
		}
		return nil, nil
	}
	c, err := a.config.GetCertificate(hello)
	if err != nil { // then c is not nil
		return nil, fmt.Errorf("acme: %w", err)
	}
	return c, nil
}

// HTTPHandler answers the challenges of HTTP-01 and passes all other requests to next.
func (a *ACME) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// certmagic looks for an unknown host's challenge on disk.
		if !a.Serves(hostname(r.Host)) || !a.issuer.HandleHTTPChallenge(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}
