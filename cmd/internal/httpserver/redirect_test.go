package httpserver

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// names are the hosts of the test certificate.
func names(host string) bool {
	return host == "a.test" || host == "b.a.test" || host == "127.0.0.1" || host == "::1"
}

// ask sends a request as these lines over a connection of its own, and returns the answer and its body.
func ask(t *testing.T, h http.Handler, lines ...string) (*http.Response, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Handler: h})
	go s.Serve(l)
	defer s.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, strings.Join(append(lines, "Connection: close", "", ""), "\r\n"))
	method, _, _ := strings.Cut(lines[0], " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	return res, string(body)
}

func TestRedirect_EachRequest_IsRedirectedOrRefused(t *testing.T) {
	const refused = "" // no Location
	for _, test := range []struct {
		port     int // of the TLS listener; the plain one has 8080
		request  string
		host     string
		status   int
		location string
	}{
		{443, "GET /", "a.test", 308, "https://a.test/"},
		{443, "GET /shop/%2Fx?y=%20z&u=http://evil.example/", "a.test:80", 308, "https://a.test/shop/%2Fx?y=%20z&u=http://evil.example/"},
		{8443, "HEAD /beacon.js", "a.test:8080", 308, "https://a.test:8443/beacon.js"},
		{443, "GET /", "a.test.", 308, "https://a.test/"},
		{443, "GET /", "[::1]:80", 308, "https://[::1]/"},
		{8443, "GET /", "[::1]:8080", 308, "https://[::1]:8443/"},
		{8443, "GET /", "a.test", 308, "https://a.test/"},      // port 80 is mapped to 8080, and so 443 to 8443
		{8443, "GET /", "a.test:9999", 308, "https://a.test/"}, // the Host chooses no other port
		{443, "GET /", "127.0.0.1", 308, "https://127.0.0.1/"},
		{443, "GET //evil.example/x", "a.test", 308, "https://a.test//evil.example/x"},
		{443, "GET /open.gif?m=1", "a.test", 308, "https://a.test/open.gif?m=1"},
		{443, "GET http://a.test/x", "evil.example", 308, "https://a.test/x"}, // RFC 9112, section 3.2.2: the target counts
		{443, "GET /x?token=of-a-tracker", "a.test", 308, "https://a.test/x?token=of-a-tracker"},

		{443, "GET /", "evil.example", 421, refused},
		{443, "GET /", "evil.example:443@a.test", 400, refused},
		{443, "GET /", "a.test@evil.example", 400, refused},
		{443, "GET /", "a.test/evil.example", 400, refused},
		{443, "GET /", "a.test%0d%0aX:y", 421, refused},
		{443, "GET /", "", 421, refused},
		{443, "GET http://evil.example/", "a.test", 421, refused},
		{443, "POST /x", "evil.example", 421, refused},

		{443, "POST /x", "a.test", 403, refused},
		{443, "OPTIONS /x", "a.test", 403, refused},
		{443, "PUT /x", "a.test", 403, refused},

		{443, "GET /-/query?sql=select+1", "a.test", 403, refused},
		{443, "GET /%2d/query", "a.test", 403, refused},
		{443, "POST /-/import", "a.test", 403, refused},
		{443, "POST /-/import", "evil.example", 403, refused},
	} {
		lines := []string{test.request + " HTTP/1.1", "Host: " + test.host}
		res, body := ask(t, &Redirect{Port: test.port, HTTPPort: 8080, Names: names}, lines...)
		if got := res.Header.Get("Location"); res.StatusCode != test.status || got != test.location {
			t.Errorf("%q: got %v to %q, want %d to %q", lines, res.Status, got, test.status, test.location)
		}
		if strings.Contains(fmt.Sprint(res.Header, body), "secret") {
			t.Errorf("%q: the answer has the token: %v %q", lines, res.Header, body)
		}
		if strings.HasPrefix(test.request, "POST /x") && res.StatusCode == 403 && !strings.Contains(body, "send them to https://a.test") {
			t.Errorf("%q: got %q, want the URL to send to", lines, body)
		}
	}
}

func TestRedirect_RefusedBeacons_AreLoggedOnce(t *testing.T) {
	var log proctest.Buffer
	h := &Redirect{Port: 443, Names: names, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	for range 3 {
		ask(t, h, "POST /x HTTP/1.1", "Host: a.test", "Content-Length: 0")
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "--http-beacons") {
		t.Errorf("got the log %q, want one line with advice", got)
	}
}

func TestRedirect_TokenInHeader_IsRefused(t *testing.T) {
	res, body := ask(t, &Redirect{Port: 443, Names: names}, "GET / HTTP/1.1", "Host: a.test", "Authorization: Bearer secret")
	if res.StatusCode != http.StatusForbidden || res.Header.Get("Location") != "" || !strings.Contains(body, "replace the token") {
		t.Errorf("got %v %v %q, want 403 and the advice to replace the token", res.Status, res.Header, body)
	}
}

func TestRedirect_WithBeacons_PassesBeaconsOnly(t *testing.T) {
	h := &Redirect{Port: 443, Names: names,
		Beacons: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		IsPixel: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ".gif") }}
	if res, _ := ask(t, h, "POST /x HTTP/1.1", "Host: 192.0.2.1"); res.StatusCode != 204 {
		t.Errorf("POST for a host without a certificate: got %v, want 204", res.Status)
	}
	for request, want := range map[string]int{
		"POST /x":          204,
		"OPTIONS /x":       204,
		"GET /open.gif":    204,
		"GET /":            308,
		"GET /beacon.js":   308,
		"POST /-/import":   403,
		"GET /-/x.gif":     403,
		"OPTIONS /-/query": 403,
	} {
		if res, _ := ask(t, h, request+" HTTP/1.1", "Host: a.test"); res.StatusCode != want {
			t.Errorf("%s: got %v, want %d", request, res.Status, want)
		}
	}
}

func TestCertificateNames_HostOfCertificate_IsTrueForItsNamesOnly(t *testing.T) {
	s := httptest.NewTLSServer(nil) // its certificate is for example.com, *.example.com, 127.0.0.1 and ::1
	defer s.Close()
	pair := s.TLS.Certificates[0]
	pair.Leaf = s.Certificate()
	has := CertificateNames(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil })
	for host, want := range map[string]bool{
		"example.com": true, "EXAMPLE.com": true, "127.0.0.1": true, "::1": true, "[::1]": true,
		"": false, "example.org": false, "a.b.example.com": false, "*.example.com": false, "x/.example.com": false, "x\r\n.example.com": false, "127.0.0.2": false,
	} {
		if got := has(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
	none := CertificateNames(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil })
	if none("example.com") {
		t.Error("without a certificate: got true, want false")
	}
}
