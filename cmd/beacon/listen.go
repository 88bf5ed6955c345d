package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
)

// A listening is where and how a collector listens.
type listening struct {
	address          string
	perAddress       int                    // connections at a time, or 0
	proxyProtocol    bool                   // of the proxies
	certificate, key string                 // files, or ""
	acme             httpserver.ACMEOptions // without Domains there is no ACME
	http             string                 // address of the plain listener, or ""
	httpBeacons      bool                   // it takes beacons too
}

// A listener listens. Its configuration of TLS is nil without TLS.
type listener struct {
	net.Listener
	tls   *tls.Config
	names func(host string) bool // of the certificate
	plain net.Listener           // beside TLS; may be nil
	acme  *httpserver.ACME       // may be nil
}

func (o listening) open(log *slog.Logger) (*listener, error) {
	l := &listener{}
	switch {
	case len(o.acme.Domains) > 0:
		o.acme.Listen, o.acme.ListenHTTP, o.acme.Logger = o.address, o.http, log
		var err error
		if l.acme, err = httpserver.OpenACME(o.acme); err != nil {
			return nil, err
		}
		l.tls, l.names = l.acme.TLSConfig(), l.acme.Serves
	case o.certificate != "":
		c, err := httpserver.LoadCertificate(o.certificate, o.key, log)
		if err != nil {
			return nil, fmt.Errorf("%w: --tls-cert and --tls-key are PEM files of a certificate, with those that it is signed by, and of its key", err)
		}
		l.tls, l.names = httpserver.TLSConfig(c.Get), httpserver.CertificateNames(c.Get)
	}
	var err error
	if l.Listener, err = listenAt(o.address, "--listen"); err != nil {
		return nil, err
	}
	if o.http != "" {
		if l.plain, err = listenAt(o.http, "--listen-http"); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func listenAt(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: stop it, or choose another port with %s 127.0.0.1:8081", address, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s %s is not an address of this machine: use one of its own, or :PORT for all", flag, address)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("%s %s is not permitted: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE; choose a port above, or use the systemd unit", flag, address)
	case err != nil:
		return nil, fmt.Errorf("%w: write %s as host:port, such as %s", err, flag, defaultListen)
	}
	return l, nil
}

// handler returns the handler of both listeners. Without TLS beside it, secure has all requests.
func (l *listener) handler(secure, beacons http.Handler, isPixel func(*http.Request) bool, log *slog.Logger) http.Handler {
	if l.plain == nil {
		return secure
	}
	redirect := &httpserver.Redirect{Port: port(l), HTTPPort: port(l.plain), Names: l.names, Beacons: beacons, IsPixel: isPixel, Logger: log}
	var plain http.Handler = redirect
	if l.acme != nil {
		plain = l.acme.HTTPHandler(redirect)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil {
			plain.ServeHTTP(w, r)
		} else {
			secure.ServeHTTP(w, r)
		}
	})
}

func port(l net.Listener) int {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// serve serves until the server is shut down.
func (l *listener) serve(s *httpserver.Server) error {
	if l.tls == nil {
		return s.Serve(l)
	}
	ended := make(chan error, 2)
	go func() { ended <- s.ServeTLS(l, l.tls) }()
	if l.plain != nil {
		go func() { ended <- s.Serve(l.plain) }()
	}
	if l.acme != nil {
		l.acme.Start()
		defer l.acme.Close()
	}
	return <-ended
}

// url returns the URL to print. With ACME it has a domain, because the certificate is not valid for an address.
func (l *listener) url(domains []string) string {
	switch {
	case l.tls == nil:
		return "http://" + reachable(l.Addr().String())
	case l.acme == nil:
		return "https://" + reachable(l.Addr().String())
	case port(l) == 443:
		return "https://" + domains[0]
	}
	return fmt.Sprintf("https://%s:%d", domains[0], port(l))
}
