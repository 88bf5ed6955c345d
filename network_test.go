//go:build unix

package beacon_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/certtest"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// newSecureServer returns a server whose certificate only the file trusts, and the number of its requests.
func newSecureServer(t *testing.T, serial int64) (url, file string, requests *atomic.Int64) {
	t.Helper()
	cert, key, _ := certtest.Write(t, t.TempDir(), serial)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, cert, requests
}

// closedURL is that of a port on which nothing listens.
func closedURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// endDeliverer kills the deliverer of an outbox.
func endDeliverer(t *testing.T, outbox string) {
	t.Helper()
	s, err := beacon.ReadStatus(outbox)
	if err != nil || s.PID == 0 {
		t.Fatalf("no deliverer: %+v, %v", s, err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, func() error {
		if s, err := beacon.ReadStatus(outbox); err != nil || s.Delivering {
			return fmt.Errorf("the deliverer %d lives: %v", s.PID, err)
		}
		return nil
	})
}

// One deliverer, which a program without certificates started, delivers the beacons of programs with others.
func TestNetwork_ProgramsWithOtherCertificates_OneDelivererDelivers(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("macOS has no SSL_CERT_FILE")
	}
	outbox := proctest.OutboxDir(t)
	run(t, outbox, closedURL(t), "exit") // its deliverer goes on trying
	urlA, fileA, requestsA := newSecureServer(t, 1)
	urlB, fileB, requestsB := newSecureServer(t, 2)
	for _, x := range []struct{ url, dir, variable string }{
		{urlA, filepath.Dir(fileA), "SSL_CERT_FILE=" + filepath.Base(fileA)}, // a relative path
		{urlB, "/", "SSL_CERT_DIR=/nonexistent:" + filepath.Dir(fileB)},
	} {
		cmd := command(outbox, x.url, "exit")
		cmd.Dir, cmd.Env = x.dir, append(cmd.Env, x.variable)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	proctest.Eventually(t, func() error {
		if requestsA.Load() == 0 || requestsB.Load() == 0 {
			s, _ := beacon.ReadStatus(outbox)
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// A beacon that waits for a wrong proxy leaves when a program with the right one runs, even one that sends
// nothing. The file of certificates that can't be read is named.
func TestNetwork_NextProgramHasAnother_WaitingBeaconsLeaveByIt(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("macOS has no SSL_CERT_FILE")
	}
	outbox := proctest.OutboxDir(t)
	proxy := newDesk(t, nil, nil)
	secure, file, requests := newSecureServer(t, 1)
	for url, variables := range map[string][]string{
		"http://collector.example/x": {"HTTP_PROXY=" + strings.Replace(closedURL(t), "://", "://user:secret@", 1)},
		secure:                       {"SSL_CERT_FILE=/nonexistent.pem"},
	} {
		n := command(outbox, url, "exit")
		n.Env = append(n.Env, variables...)
		if out, err := n.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	proctest.Eventually(t, func() error {
		s, err := beacon.ReadStatus(outbox)
		reasons := fmt.Sprint(s.Lanes)
		if err != nil || !strings.Contains(reasons, "connection refused") || !strings.Contains(reasons, "/nonexistent.pem") {
			return fmt.Errorf("%+v, %v", s, err)
		}
		if strings.Contains(reasons, "secret") {
			t.Errorf("the proxy's password is shown: %s", reasons)
		}
		return nil
	})
	endDeliverer(t, outbox)
	next := command(outbox, secure, "silent")
	next.Env = append(next.Env, "HTTP_PROXY="+proxy.URL, "SSL_CERT_FILE="+file)
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	proxy.wait(t, 1)
	proctest.Eventually(t, func() error {
		if requests.Load() == 0 {
			return fmt.Errorf("the beacon for %s does not arrive", secure)
		}
		return nil
	})
}

// The settings of a beacon that was refused are not kept: the proxy may have a password.
func TestNetwork_RefusedBeacon_PasswordIsNotKept(t *testing.T) {
	outbox := proctest.OutboxDir(t)
	proxy := newDesk(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	t.Setenv("HTTP_PROXY", strings.Replace(proxy.URL, "://", "://user:secret@", 1))
	n := open(t, beacon.Config{Dir: outbox})
	if err := n.Send("http://collector.example/", "x"); err != nil {
		t.Fatal(err)
	}
	proctest.Eventually(t, func() error {
		if s, err := n.Status(); err != nil || s.Refused != 1 {
			return fmt.Errorf("%+v, %v", s, err)
		}
		return nil
	})
	dead, _ := filepath.Glob(filepath.Join(outbox, "dead", "*"))
	for _, file := range dead {
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "secret") {
			t.Errorf("%s has the proxy's password: %v", file, err)
		}
	}
	if len(dead) == 0 {
		t.Error("dead/ is empty")
	}
}
