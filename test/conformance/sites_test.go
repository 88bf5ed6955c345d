package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed suite/*.js
var suiteFiles embed.FS

// suite is the suite's scripts, in the order in which they run.
var suite = func() (all string) {
	for _, name := range []string{
		"harness", "arguments", "urls", "bodies", "types", "forms", "quota", "cors", "redirects",
		"referrer", "metadata", "csp", "cookies", "keepalive", "leaving", "ping", "beyond",
	} {
		script, err := suiteFiles.ReadFile("suite/" + name + ".js")
		if err != nil {
			panic(err)
		}
		all += string(script)
	}
	return all
}()

// sites are the origins that the rules speak of, all on loopback: {page} is that of the
// page, {port} is the same site at another port, {other} and {otherport} are another site.
// {plain} is without TLS, but potentially trustworthy for its address; {insecure} is
// neither. {badport} listens at a port that Fetch blocks, and nobody at {closed}.
type sites struct {
	origins   map[string]string
	names     *strings.Replacer // of an origin by its name in braces
	roots     *x509.CertPool
	spki      string // the SHA-256 of the certificate's key, in base64
	collector *collector

	mu   sync.Mutex
	page pageSettings
}

// pageSettings is what is particular to the page of a group.
type pageSettings struct {
	Site   string // default page
	Policy string // Referrer-Policy
	// CSP and ReportOnly are the values of as many headers; names of sites in braces stand
	// for their origins.
	CSP        []string
	ReportOnly []string
	Length     int      // of the page's URL without its fragment, if it matters
	Cookies    []cookie // that are there before
	Fresh      bool     // each rule has a page of its own
}

type cookie struct{ Site, Set string }

func startSites(t testing.TB) *sites {
	s := &sites{origins: map[string]string{}}
	s.collector = newCollector(s)
	certificate := s.certify(t)
	serve := func(l net.Listener, secure bool) string {
		server := &http.Server{
			Handler:      s,
			ErrorLog:     log.New(io.Discard, "", 0), // handshakes that a browser gives up
			TLSConfig:    &tls.Config{Certificates: []tls.Certificate{certificate}},
			TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		}
		if secure {
			go server.ServeTLS(l, "", "")
		} else {
			go server.Serve(l)
		}
		t.Cleanup(func() { server.Close() })
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port
	}
	first, second, plain := serve(listen(t, 0), true), serve(listen(t, 0), true), serve(listen(t, 0), false)
	s.origins["page"] = "https://localhost:" + first
	s.origins["port"] = "https://localhost:" + second
	s.origins["other"] = "https://127.0.0.1:" + first
	s.origins["otherport"] = "https://127.0.0.1:" + second
	s.origins["plain"] = "http://127.0.0.1:" + plain
	s.origins["insecure"] = "http://insecure.test:" + plain
	closed := listen(t, 0)
	s.origins["closed"] = "https://" + closed.Addr().String()
	closed.Close()
	// Fetch, "port blocking", has these; any that is free will do.
	s.origins["badport"] = "https://localhost:" + serve(listen(t, 6667, 6668, 6669, 6665, 10080, 5060, 5061, 6566), true)
	var pairs []string
	for name, origin := range s.origins {
		pairs = append(pairs, origin, "{"+name+"}")
	}
	s.names = strings.NewReplacer(pairs...)
	return s
}

// listen listens on loopback, at the first port that is free.
func listen(t testing.TB, ports ...int) net.Listener {
	t.Helper()
	var err error
	for _, port := range ports {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return l
		}
	}
	t.Fatal(err)
	return nil
}

// certify makes a certificate that its own root, made for this run, has signed.
func (s *sites) certify(t testing.TB) tls.Certificate {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	make := func(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		check(err)
		certificate, err := x509.ParseCertificate(der)
		check(err)
		return certificate
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "conformance"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = make(root, root, rootKey, rootKey)
	leaf := make(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, root, key, rootKey)
	s.roots = x509.NewCertPool()
	s.roots.AddCert(root)
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	s.spki = base64.StdEncoding.EncodeToString(sum[:])
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, root.Raw}, PrivateKey: key}
}

// name is the site that a request is for, in braces.
func (s *sites) name(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return s.names.Replace(scheme + r.Host)
}

// urls turns names in braces into URLs of a visit, or into bare origins if there is none.
// With an @ behind the name they have credentials.
func (s *sites) urls(token string) *strings.Replacer {
	var pairs []string
	for name, origin := range s.origins {
		if token != "" {
			origin += "/c/" + token
		}
		pairs = append(pairs, "{"+name+"}", origin, "{"+name+"@}", strings.Replace(origin, "//", "//user:secret@", 1))
	}
	return strings.NewReplacer(pairs...)
}

// set makes the page of the next group, and returns its URL.
func (s *sites) set(p pageSettings) string {
	if p.Site == "" {
		p.Site = "page"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = p
	u := s.origins[p.Site] + "/doc?query"
	if p.Length > 0 {
		u += strings.Repeat("y", p.Length-len(u))
	}
	return u + "#fragment"
}

var pageHTML = template.Must(template.New("page").Parse(`<!doctype html>
<meta charset="utf-8">
<title>Conformance</title>
<link rel="icon" href="data:,">
<script>globalThis.sites = {{.Sites}}</script>
<script src="/suite.js"></script>
`))

func (s *sites) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/doc":
		s.mu.Lock()
		p := s.page
		s.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "text/html")
		h.Set("Cache-Control", "no-store")
		if p.Policy != "" {
			h.Set("Referrer-Policy", p.Policy)
		}
		for _, value := range p.CSP {
			h.Add("Content-Security-Policy", s.urls("").Replace(value))
		}
		for _, value := range p.ReportOnly {
			h.Add("Content-Security-Policy-Report-Only", s.urls("").Replace(value))
		}
		pageHTML.Execute(w, map[string]any{"Sites": s.origins})
	case r.URL.Path == "/suite.js":
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cache-Control", "max-age=600")
		io.WriteString(w, suite)
	case r.URL.Path == "/control/blank":
		fmt.Fprint(w, "<!doctype html><title>Elsewhere</title>")
	case r.URL.Path == "/control/frame":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Frame</title>")
	case r.URL.Path == "/control/isolated": // which has the fine clock
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		fmt.Fprint(w, "<!doctype html><title>Isolated</title>")
	case r.URL.Path == "/control/cookies":
		for _, cookie := range r.URL.Query()["set"] {
			w.Header().Add("Set-Cookie", cookie)
		}
	case r.URL.Path == "/control/release":
		s.collector.release(s.collector.going(), r.URL.Query().Get("at"))
		fmt.Fprint(w, "true")
	case r.URL.Path == "/control/arrived":
		q := r.URL.Query()
		json.NewEncoder(w).Encode(s.collector.arrived(s.collector.going(), q.Get("at"), q.Get("method"), q.Has("answered"), patience))
	case r.URL.Path == "/favicon.ico":
		http.NotFound(w, r)
	default:
		s.collector.ServeHTTP(w, r)
	}
}

// cookieURL is of a page that sets the cookies of one site.
func (s *sites) cookieURL(site string, cookies []cookie) string {
	q := url.Values{}
	for _, c := range cookies {
		if c.Site == site {
			q.Add("set", c.Set)
		}
	}
	return s.origins[site] + "/control/cookies?" + q.Encode()
}
