package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// A Network is how requests reach a server: the proxy, and whose certificates are trusted. The zero Network
// is that of this process's environment.
type Network struct {
	Proxy Proxy
	// CertFile and CertDir are as SSL_CERT_FILE and SSL_CERT_DIR, with absolute paths: certificates that are
	// trusted beside the system's, or instead of them if both are set.
	CertFile, CertDir string
}

// A Proxy is the URL of the proxy to go through, or one of the constants.
type Proxy string

const (
	ProxyFromEnvironment Proxy = ""     // as this process's environment says
	NoProxy              Proxy = "none" // go to the server itself
)

// An Environment is what the variables of a process say about networks. Environments are comparable.
type Environment struct {
	proxies           httpproxy.Config
	certFile, certDir string
}

// ReadEnvironment returns what this process's variables say now.
func ReadEnvironment() Environment {
	e := Environment{proxies: *httpproxy.FromEnvironment()}
	// On other systems a Go program asks the system whether a certificate is trusted.
	if runtime.GOOS != "windows" && runtime.GOOS != "darwin" && runtime.GOOS != "ios" {
		e.certFile, e.certDir = os.Getenv("SSL_CERT_FILE"), os.Getenv("SSL_CERT_DIR")
	}
	return e
}

// Network returns the network for a server. Relative paths are below the working directory.
func (e Environment) Network(scheme, host string) Network {
	n := Network{Proxy: NoProxy, CertFile: absolute(e.certFile)}
	switch proxy, err := e.proxies.ProxyFunc()(&url.URL{Scheme: scheme, Host: host}); {
	case err != nil:
		n.Proxy = badProxy
	case proxy != nil:
		n.Proxy = Proxy(proxy.String())
	}
	dirs := strings.Split(e.certDir, ":")
	for i, dir := range dirs {
		dirs[i] = absolute(dir)
	}
	n.CertDir = strings.Join(dirs, ":")
	return n
}

// Variables returns the environment's variables that depend on the working directory, without that.
func (e Environment) Variables() (all []string) {
	n := e.Network("https", "")
	if n.CertFile != "" {
		all = append(all, "SSL_CERT_FILE="+n.CertFile)
	}
	if n.CertDir != "" {
		all = append(all, "SSL_CERT_DIR="+n.CertDir)
	}
	return all
}

func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// badProxy is the proxy of an environment whose setting is not a URL. The setting may have a password.
const badProxy Proxy = "bad"

func proxyOf(p Proxy, u *url.URL) (*url.URL, error) {
	switch p {
	case ProxyFromEnvironment:
		return http.ProxyFromEnvironment(&http.Request{URL: u})
	case NoProxy:
		return nil, nil
	}
	proxy, err := url.Parse(string(p))
	if p == badProxy || err != nil {
		return nil, errors.New("the proxy is not a URL: check HTTPS_PROXY and HTTP_PROXY in the environment of the program that sends")
	}
	return proxy, nil
}

// maxTransports bounds the transports of a client.
const maxTransports = 16

// A transport has the connections of one Network.
type transport struct {
	*http.Transport
	unread error // a file of certificates that could not be read
}

// transport returns the transport for a network.
func (c *Client) transport(n Network) transport {
	if c.tls != nil && c.tls.RootCAs != nil {
		n.CertFile, n.CertDir = "", ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.transports[n]; ok {
		return t
	}
	if len(c.transports) == maxTransports {
		for key, t := range c.transports {
			defer t.CloseIdleConnections()
			delete(c.transports, key)
			break
		}
	}
	config := c.tls.Clone()
	var unread error
	if n.CertFile != "" || n.CertDir != "" {
		if config == nil {
			config = new(tls.Config)
		}
		config.RootCAs, unread = n.roots()
	}
	t := transport{newTransport(c.perOrigin, config, n.Proxy), unread}
	c.transports[n] = t
	return t
}

func newTransport(perOrigin int, config *tls.Config, proxy Proxy) *http.Transport {
	// Not the default transport: the program may have changed that.
	return &http.Transport{
		Proxy:               func(r *http.Request) (*url.URL, error) { return proxyOf(proxy, r.URL) },
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxConnsPerHost:     perOrigin,
		MaxIdleConnsPerHost: perOrigin,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true,
		// The answer's header is read and forgotten.
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        config,
	}
}

// roots returns the certificates that are trusted. Files that can't be read are left out, as crypto/x509
// does, and are in the error.
func (n Network) roots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if n.CertFile == "" || n.CertDir == "" {
		if system, err := x509.SystemCertPool(); err == nil {
			pool = system
		}
	}
	var unread []error
	add := func(file string) {
		pem, err := os.ReadFile(file)
		if err == nil && !pool.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s has no certificates", file)
		}
		unread = append(unread, err)
	}
	if n.CertFile != "" {
		add(n.CertFile)
	}
	for dir := range strings.SplitSeq(n.CertDir, ":") {
		if dir == "" {
			continue
		}
		entries, err := os.ReadDir(dir)
		unread = append(unread, err)
		for _, e := range entries {
			if pem, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
				pool.AppendCertsFromPEM(pem) // other files may be there too
			}
		}
	}
	unread = slices.DeleteFunc(unread, func(err error) bool { return err == nil })
	return pool, errors.Join(unread...)
}

// explain adds to a failed verification that certificates could not be read.
func (t transport) explain(err error) error {
	if failed := (*tls.CertificateVerificationError)(nil); t.unread != nil && errors.As(err, &failed) {
		return fmt.Errorf("%w (SSL_CERT_FILE or SSL_CERT_DIR: %w)", err, t.unread)
	}
	return err
}
