package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// A client sends requests to the admin endpoints of a collector.
type client struct{ server, tokenFile, ca string }

func (c *client) flags(f *pflag.FlagSet) {
	f.StringVar(&c.server, "server", "http://"+defaultListen, "the collector's `URL`: http, https, or h2c for HTTP/2 without TLS")
	f.StringVar(&c.tokenFile, "token-file", "", "`file` whose first line is the operators' token, unless BEACON_TOKEN has it; the default is operator-token in the data folder, if the collector is on this machine")
	f.StringVar(&c.ca, "ca", "", "PEM `file` of the authorities that may sign the collector's certificate; the default is those of the system")
}

// get sends a GET of a page below /-/ and returns the body of the answer.
func (c *client) get(ctx context.Context, page string, query url.Values) (io.ReadCloser, error) {
	body, _, err := c.do(ctx, http.MethodGet, page, query, nil)
	return body, err
}

// do sends a request with the body send, and returns the body of the answer with its size in bytes,
// or -1 if the size is unknown.
func (c *client) do(ctx context.Context, method, page string, query url.Values, send io.Reader) (answer io.ReadCloser, size int64, err error) {
	base, err := url.Parse(c.server)
	if err == nil && (strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.User != nil) {
		return nil, 0, usagef("--server %q: a collector has no path, query or user: write it like http://%s or https://beacons.example", c.server, defaultListen)
	}
	if err != nil || base.Hostname() == "" || protocols[base.Scheme] == nil {
		return nil, 0, usagef("--server %q: the URL can't be used: write it like http://%s or https://beacons.example", c.server, defaultListen)
	}
	t, err := clientToken(c.tokenFile, base.Hostname())
	if err != nil {
		return nil, 0, err
	}
	roots, err := c.roots()
	if err != nil {
		return nil, 0, err
	}
	u := base.JoinPath("-", page)
	u.RawQuery = query.Encode()
	if u.Scheme == "h2c" {
		u.Scheme = "http"
	}
	var res *http.Response
	for _, speak := range protocols[base.Scheme] {
		req, reqErr := http.NewRequestWithContext(ctx, method, u.String(), send)
		if reqErr != nil {
			return nil, 0, usageError{reqErr}
		}
		if t.text != "" {
			req.Header.Set("Authorization", "Bearer "+t.text)
		}
		res, err = (&http.Client{
			Transport: transport(roots, speak),
			// The token is for this server only, wherever it redirects to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}).Do(req)
		if !withoutProtocol(err) { // else nothing was sent yet
			break
		}
	}
	if err != nil {
		return nil, 0, c.unreachable(err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, 0, c.refused(res, t)
	}
	// No admin endpoint that commands use answers with a web page, or without a type.
	if kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";"); kind == "" || kind == "text/html" {
		res.Body.Close()
		return nil, 0, fmt.Errorf("%s answers with the type %q, as a collector never does: check the URL of --server", c.server, kind)
	}
	return res.Body, res.ContentLength, nil
}

// protocols are those that a URL's scheme stands for. The later one is for servers that don't have the
// one before. HTTP/1.1 is first because over HTTP/2 an import could send only 64 KiB in one round trip,
// which is the collector's window.
var protocols = map[string][]func(*http.Protocols, bool){
	"http":  {(*http.Protocols).SetHTTP1},
	"https": {(*http.Protocols).SetHTTP1, (*http.Protocols).SetHTTP2},
	"h2c":   {(*http.Protocols).SetUnencryptedHTTP2},
}

// transport returns a Transport that speaks one protocol, and offers no other in the TLS handshake. It
// can't be a clone of http.DefaultTransport, whose TLS configuration offers HTTP/2 in any case.
func transport(roots *x509.CertPool, speak func(*http.Protocols, bool)) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots}, Protocols: new(http.Protocols)}
	speak(t.Protocols, true)
	if t.Protocols.HTTP1() {
		t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	return t
}

// withoutProtocol reports whether the server ended the TLS handshake because it does not speak the
// offered protocol (RFC 7301, section 3.2). The alert has no exported type.
func withoutProtocol(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "tls: no application protocol")
}

// roots are the certificates of --ca, or nil for those of the system, which SSL_CERT_FILE replaces on
// Unix.
func (c *client) roots() (*x509.CertPool, error) {
	if c.ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, usagef("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, usagef("--ca: %s has no certificate: name a PEM file, which begins with -----BEGIN CERTIFICATE-----", c.ca)
	}
	return roots, nil
}

// unreachable is the error for a request without an answer.
func (c *client) unreachable(err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted; to repeat it does no harm")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no collector answers at %s: start one with 'beacon serve', or set the URL of another with --server", c.server)
	case errors.As(err, &untrusted):
		hint := "if the collector's certificate is signed by an authority of your own, name its PEM file with --ca"
		if wrongName := new(x509.HostnameError); errors.As(err, wrongName) {
			hint = "use a name of the certificate in --server"
		} else if invalid := new(x509.CertificateInvalidError); errors.As(err, invalid) && invalid.Reason == x509.Expired {
			hint = "renew the collector's certificate, and check the clock of this machine"
		}
		if file := os.Getenv("SSL_CERT_FILE"); file != "" && c.ca == "" {
			if _, err := os.Stat(file); err != nil {
				hint = "SSL_CERT_FILE names a file that can't be read: " + err.Error()
			}
		}
		return fmt.Errorf("the certificate of %s is not trusted: %w\nhint: %s", c.server, untrusted.Err, hint)
	case strings.HasPrefix(c.server, "h2c:"):
		return fmt.Errorf("%s does not speak HTTP/2 without TLS: %w\nhint: write --server http://… or https://…", c.server, err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s speaks http, not https\nhint: write --server http://…", c.server)
	}
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err // without the URL, which is long
	}
	return fmt.Errorf("no collector answers at %s: %w: check the URL of --server", c.server, err)
}

// wantsHTTPS matches the answers of a collector, net/http and nginx to a request without TLS at a port with
// TLS.
var wantsHTTPS = regexp.MustCompile(`^This port speaks https|sent an HTTP request to an HTTPS server|HTTP request was sent to HTTPS port`)

// refused is the error for an answer other than 200.
func (c *client) refused(res *http.Response, t token) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	why := strings.TrimSpace(string(text))
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		problem := fmt.Sprintf("%s needs the operators' token, and there is none: %s", c.server, t.from)
		if t.text != "" {
			problem = fmt.Sprintf("%s refuses the token of %s", c.server, t.from)
		}
		return fmt.Errorf("%s\nhint: set BEACON_TOKEN, or name a file that has the token with --token-file. On the collector's machine that is the file of its own --token-file, if it has one, else %s in its data folder, by default %s: run this command there, as the user of the collector",
			problem, tokenFile, filepath.Join(defaultData(), tokenFile))
	case res.StatusCode >= 300 && res.StatusCode < 400:
		to, err := res.Location()
		if err != nil {
			break
		}
		return fmt.Errorf("%s redirects to %s://%s: set the collector's own URL with --server", c.server, to.Scheme, to.Host)
	case res.StatusCode == http.StatusBadRequest && wantsHTTPS.MatchString(why):
		return fmt.Errorf("%s speaks https\nhint: write --server https://…", c.server)
	case strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") && why != "":
		return errors.New(why)
	}
	return fmt.Errorf("%s answers %s, as a collector never does: check the URL of --server", c.server, res.Status)
}

// isTerminal reports whether the file is a terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
