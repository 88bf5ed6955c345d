package httpserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

const pebbleModule = "github.com/letsencrypt/pebble/v2"

// goCommand returns the output of the go command.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// A pebble is a CA that is not running yet. It validates challenges for real, by DNS that has 127.0.0.1 for
// each name.
type pebble struct {
	t         *testing.T
	module    string // folder
	address   string // of the directory
	admin     string // of the management interface
	directory string // URL
	roots     *x509.CertPool
	log       proctest.Buffer
}

func newPebble(t *testing.T) *pebble {
	p := &pebble{t: t, address: freeAddress(t), admin: freeAddress(t), roots: x509.NewCertPool()}
	goCommand(t, "mod", "download", pebbleModule) // else its folder is not known
	p.module = goCommand(t, "list", "-m", "-f", "{{.Dir}}", pebbleModule)
	p.directory = "https://" + p.address + "/dir"
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the CA:\n%s", p.log.String())
		}
	})
	pem, err := os.ReadFile(filepath.Join(p.module, "test", "certs", "pebble.minica.pem"))
	if err != nil || !p.roots.AppendCertsFromPEM(pem) {
		t.Fatalf("root of pebble's own certificate: %v", err)
	}
	return p
}

// start starts the CA. It connects to these ports for challenges, and its certificates are valid for so
// many seconds. The returned function ends it.
func (p *pebble) start(tlsPort, httpPort, seconds int) (stop func()) {
	p.t.Helper()
	dns := freeAddress(p.t)
	stopDNS := p.run(nil, "pebble-challtestsrv", "-dnsserver", dns, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", freeAddress(p.t))
	certs := filepath.Join(p.module, "test", "certs", "localhost")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": p.address, "managementListenAddress": p.admin,
		"certificate": filepath.Join(certs, "cert.pem"), "privateKey": filepath.Join(certs, "key.pem"),
		"tlsPort": tlsPort, "httpPort": httpPort, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"validityPeriod": seconds}},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.t.TempDir(), "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		p.t.Fatal(err)
	}
	// Without these variables pebble waits up to 5 s before each validation, and lets each twentieth
	// request and half of the orders fail or skip their challenge.
	env := []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_VA_ALWAYS_VALID=0", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"}
	stopCA := p.run(env, "pebble", "-config", file, "-dnsserver", dns)
	for _, address := range []string{p.address, p.admin, dns} {
		await(p.t, "a connection to "+address, func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	return func() { stopCA(); stopDNS() }
}

// run starts a tool of go.mod, which ends by stop or with the test. "go tool -n" builds the tool if it isn't in
// the build cache.
func (p *pebble) run(env []string, tool string, args ...string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, goCommand(p.t, "tool", "-n", pebbleModule+"/cmd/"+tool), args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { cancel(); cmd.Wait() })
	p.t.Cleanup(stop)
	return stop
}

// issuers returns the roots that clients of the collector need: pebble makes a new one at each start.
func (p *pebble) issuers() *x509.CertPool {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + p.admin + "/roots/0")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	pem, err := io.ReadAll(res.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		p.t.Fatalf("root of the issued certificates: %v", err)
	}
	return pool
}

// freeAddress returns an address of 127.0.0.1 that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await waits until ok returns true, for at most a minute and a half.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got no %s in 90 s", what)
		}
	}
}
