package httpserver

import (
	"crypto/tls"
	"go/build"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// conformed is the last line of h2spec where no test failed.
var conformed = regexp.MustCompile(`(?m)^\d+ tests, \d+ passed, 0 skipped, 0 failed`)

// TestHTTP2_Conforms runs h2spec, a suite of tests for RFC 9113 and RFC 7541, against a Server.
// scripts/install-tools installs it.
func TestHTTP2_Conforms(t *testing.T) {
	program, err := exec.LookPath("h2spec")
	if err != nil {
		program, err = exec.LookPath(filepath.Join(build.Default.GOPATH, "bin", "h2spec"))
	}
	proctest.Needs(t, "h2spec", err == nil)
	eachTransport(t, func(t *testing.T, overTLS bool) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{Handler: http.HandlerFunc(describe)})
		host, port, _ := net.SplitHostPort(l.Addr().String())
		args := []string{"-h", host, "-p", port, "-o", "3", "-S"}
		if overTLS {
			args = append(args, "-t", "-k")
			go s.ServeTLS(l, &tls.Config{Certificates: []tls.Certificate{certificateOfTests()}})
		} else {
			go s.Serve(l)
			// Without TLS a connection with another preface is one of HTTP/1.1, and is answered in that.
			// So http2/3.5/2 is left out.
			args = append(args, "generic", "hpack", "http2/3.5/1", "http2/4", "http2/5", "http2/6", "http2/7", "http2/8")
		}
		defer s.Close()
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		result := conformed.Find(out)
		if err != nil || result == nil {
			t.Fatalf("h2spec: %v\n%s", err, out)
		}
		t.Logf("%s", result)
	})
}
