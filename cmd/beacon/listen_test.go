//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"
)

// writeCertificate puts one for 127.0.0.1 into dir.
func writeCertificate(t *testing.T, dir string, serial int64) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "beacon"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(der)
	roots.AddCert(parsed)
	return cert, key, roots
}

func TestHTTPSWithACertificateThatIsRenewed(t *testing.T) {
	dir := t.TempDir()
	cert, key, roots := writeCertificate(t, dir, 1)
	s := newPlace(t).serve("127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatal(s.URL)
	}
	post := func(roots *x509.CertPool) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		return client.Post(s.URL+"/x", "text/plain", strings.NewReader("a"))
	}
	res, err := post(roots)
	if err != nil || res.StatusCode != 204 || res.Proto != "HTTP/2.0" {
		t.Fatalf("%v %v", res, err)
	}

	_, _, renewed := writeCertificate(t, dir, 2)
	eventually(t, "the new certificate is in use", func() bool {
		res, err := post(renewed)
		return err == nil && res.StatusCode == 204 && res.TLS.PeerCertificates[0].SerialNumber.Int64() == 2
	})
}

// In the middle of a renewal the files don't fit; the old certificate stays in use. Where that
// is not only for a moment, the operator hears of it, once.
func TestHalfOfARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, key, _ := writeCertificate(t, t.TempDir(), 1)
		var log bytes.Buffer
		c, err := loadCertificate(cert, key, newLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		first := c.current
		for _, text := range []string{"half of a key", ""} {
			if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			log.Reset()
			for look := range 4 {
				time.Sleep(2 * certificateCheck)
				if got, err := c.get(nil); got != first || err != nil {
					t.Errorf("with %q for a key: %v %v", text, got, err)
				}
				if lines := strings.Count(log.String(), "can't be used"); lines != min(look, 1) {
					t.Errorf("after look %d the log is %q", look, &log)
				}
			}
		}
		writeCertificate(t, filepath.Dir(cert), 2)
		if got, _ := c.get(nil); got != first {
			t.Error("it looks more often than it need")
		}
		time.Sleep(2 * certificateCheck)
		if got, _ := c.get(nil); got == first {
			t.Error("the new one is not in use")
		}
	})
}

// eventually waits for up to ten seconds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

func TestEveryHTTPVersion(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0")
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for proto, transport := range map[string]*http.Transport{"HTTP/2.0": {Protocols: h2c}, "HTTP/1.1": {}} {
		client := &http.Client{Transport: transport}
		res, err := client.Post(s.URL+"/version", "text/plain", strings.NewReader(proto))
		if err != nil || res.StatusCode != 204 || res.Proto != proto {
			t.Errorf("%s: %v %v", proto, res, err)
		}
		client.CloseIdleConnections()
	}
	if rows := s.waitRows(2, "select body from beacons where stream='/version'"); len(rows) != 2 {
		t.Error(rows)
	}
}

func TestProxyProtocol(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0", "--proxy-protocol", "--proxy", "127.0.0.2", "--address", "keep")
	post := func(from string, prelude func(io.Writer)) string {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if prelude != nil {
			prelude(conn)
		}
		fmt.Fprintf(conn, "POST /proxied HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return line
	}
	header := func(version byte, source string) func(io.Writer) {
		return func(w io.Writer) {
			from, to := net.ParseIP(source), net.ParseIP("192.0.2.1")
			family := proxyproto.TCPv4
			if from.To4() == nil {
				family, to = proxyproto.TCPv6, net.ParseIP("2001:db8::1")
			}
			h := proxyproto.Header{Version: version, Command: proxyproto.PROXY, TransportProtocol: family,
				SourceAddr: &net.TCPAddr{IP: from, Port: 4711}, DestinationAddr: &net.TCPAddr{IP: to, Port: 80}}
			if _, err := h.WriteTo(w); err != nil {
				t.Error(err)
			}
		}
	}
	for _, x := range []struct {
		from    string
		prelude func(io.Writer)
		status  string
		ip      string
	}{
		{"127.0.0.2", header(1, "203.0.113.7"), "204", "203.0.113.7"},
		{"127.0.0.2", header(2, "203.0.113.8"), "204", "203.0.113.8"},
		{"127.0.0.2", header(2, "2001:db8:1::9"), "204", "2001:db8:1::9"},
		{"127.0.0.2", nil, "204", "127.0.0.2"},
		{"127.0.0.3", header(1, "203.0.113.9"), "400", ""}, // nobody that is trusted
		{"127.0.0.3", nil, "204", "127.0.0.3"},
	} {
		if line := post(x.from, x.prelude); !strings.Contains(line, " "+x.status+" ") {
			t.Errorf("%s: %q, want %s", x.from, line, x.status)
		}
	}
	rows := s.waitRows(5, "select ip from beacons where stream='/proxied' order by received_at, id")
	var ips []string
	for _, row := range rows {
		ips = append(ips, fmt.Sprint(row["ip"]))
	}
	if got := strings.Join(ips, " "); got != "203.0.113.7 203.0.113.8 2001:db8:1::9 127.0.0.2 127.0.0.3" {
		t.Error(got)
	}
}

func TestOneAddressHasSoManyConnections(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0", "--address-connections", "3")
	open := func(from string) net.Conn {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	answer := func(conn net.Conn) string {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return line
	}
	first := open("127.0.0.2")
	for _, conn := range []net.Conn{first, open("127.0.0.2"), open("127.0.0.2")} {
		if line := answer(conn); !strings.Contains(line, "204") {
			t.Fatalf("%q", line)
		}
	}
	if line := answer(open("127.0.0.2")); line != "" {
		t.Errorf("a fourth: %q", line)
	}
	if line := answer(open("127.0.0.3")); !strings.Contains(line, "204") {
		t.Errorf("another address: %q", line)
	}
	first.Close()
	eventually(t, "one that is closed makes room", func() bool { return strings.Contains(answer(open("127.0.0.2")), "204") })
}

// from is a connection of which only the other end's address counts.
type from struct {
	net.Conn
	address string
}

func (c from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.address), Port: 4711} }

func TestOneAddressOfIPv6IsItsNetwork(t *testing.T) {
	conns := newConnections(1, nil)
	for _, x := range []struct {
		address string
		room    bool
	}{
		{"2001:db8:0:1::1", true}, {"2001:db8:0:1:ffff::2", false}, {"2001:db8:0:2::1", true},
		{"203.0.113.1", true}, {"203.0.113.2", true}, {"203.0.113.2", false},
	} {
		if c := conns.add(from{address: x.address}); (c != nil) != x.room {
			t.Errorf("%s has room: %v", x.address, c != nil)
		}
	}
}

// Whoever waits longest goes when there are too many, and no one who is being served.
func TestTheOldestThatWaitMakeRoom(t *testing.T) {
	conns := newConnections(0, nil)
	conns.most = 5
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	held := make(chan struct{}, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/hold" {
			held <- struct{}{}
			<-hold
		}
		w.WriteHeader(204)
	})}
	conns.watch(server)
	go server.Serve(conns.count(inner))
	defer server.Close()
	open := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
	ask := func(conn net.Conn, path string) {
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path)
	}
	status := func(conn net.Conn) string { line, _ := bufio.NewReader(conn).ReadString('\n'); return line }

	served := open() // the oldest of all, but at work
	ask(served, "/hold")
	<-held
	silent := open()
	half := open()
	fmt.Fprintf(half, "POST / HT")
	slow := open()
	fmt.Fprintf(slow, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
	idle := open()
	ask(idle, "/")
	if line := status(idle); !strings.Contains(line, "204") {
		t.Fatalf("%q", line)
	}
	for i := range 10 {
		conn := open()
		ask(conn, "/")
		if line := status(conn); !strings.Contains(line, "204") {
			t.Errorf("number %d: %q", i, line)
		}
	}
	for name, conn := range map[string]net.Conn{"silent": silent, "half a header": half, "half a body": slow, "idle": idle} {
		rest, err := io.ReadAll(conn) // until it is closed
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %q %v", name, rest, err)
		}
	}
	close(hold)
	if line := status(served); !strings.Contains(line, "204") {
		t.Errorf("the one that was served: %q", line)
	}
	server.Close()
	eventually(t, "none is counted", func() bool {
		conns.mu.Lock()
		defer conns.mu.Unlock()
		return conns.open == 0 && conns.waiting.Len() == 0
	})
}

// What has begun when the collector is told to end is finished; what never ends is not
// waited for.
func TestAStopDrains(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	tail, err := http.Get(s.URL + "/-/tail")
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Body.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "POST /slow HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q %v", line, err)
	}
	in.ReadString('\n')
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.stop()
	}()
	io.Copy(io.Discard, tail.Body) // the stop has begun
	fmt.Fprintf(conn, "0123456789")
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "204") {
		t.Errorf("%q %v", line, err)
	}
	select {
	case <-ended:
	case <-time.After(drainTime):
		t.Error("it still runs")
	}
	s = p.serve("127.0.0.1:0")
	if rows := s.query("select body from beacons where stream='/slow'"); len(rows) != 1 {
		t.Error(rows)
	}
}

func TestWhatOperatorsWatch(t *testing.T) {
	s := newPlace(t).serve("127.0.0.1:0", "--token", "secret")
	get := func(path string, header ...string) (int, string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(context.Background(), "GET", s.URL+path, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	http.Post(s.URL+"/x", "text/plain", strings.NewReader("abc"))
	for _, path := range []string{"/-/healthz", "/-/readyz", "/-/metrics"} {
		if status, text := get(path); status != 200 {
			t.Errorf("%s on this machine: %d %s", path, status, text)
		}
		if status, _ := get(path, "X-Forwarded-For", "203.0.113.7"); status != 401 {
			t.Errorf("%s through a proxy: %d", path, status)
		}
		if status, _ := get(path, "X-Forwarded-For", "203.0.113.7", "Authorization", "Bearer secret"); status != 200 {
			t.Errorf("%s with the token: %d", path, status)
		}
	}
	_, text := get("/-/metrics")
	for _, line := range []string{
		"beacon_received_total 1", "beacon_accepted_total 1", "beacon_accepted_body_bytes_total 3", `beacon_refused_total{reason="disk"} 0`,
		"beacon_ack_seconds_count 1", "beacon_fsync_seconds_count 1", "beacon_preflights_orphaned_total 0",
		"beacon_inbox_lag_bytes ", "beacon_sink_lag_seconds ", "beacon_connections ", "go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("there is no %q in the metrics", line)
		}
	}
}

func TestServeSaysWhatIsWrong(t *testing.T) {
	p := newPlace(t)
	for _, x := range []struct {
		flags []string
		says  string
	}{
		{[]string{"--origin", "shop.example"}, "write https://shop.example"},
		{[]string{"--proxy", "10.0.0.0/99"}, "write 192.0.2.1"},
		{[]string{"--proxy-protocol"}, "--proxy"},
		{[]string{"--tls-cert", "x.pem"}, "--tls-key"},
		{[]string{"--address", "hide"}, "truncate, keep, drop, hash"},
		{[]string{"--opt-out", "x"}, "keep, anonymous, refuse"},
		{[]string{"--max-body", "0"}, "--max-body"},
		{[]string{"--address-rate", "-1"}, "0, for any number"},
	} {
		_, stderr, status := p.beacon(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", p.data}, x.flags...)...)
		if status != 2 || !strings.Contains(stderr, x.says) {
			t.Errorf("%v: %d %s", x.flags, status, stderr)
		}
	}
	_, stderr, status := p.beacon("serve", "--listen", "127.0.0.1:0", "--data", p.data, "--tls-cert", "none.pem", "--tls-key", "none.pem")
	if status != 1 || !strings.Contains(stderr, "PEM files") {
		t.Errorf("%d %s", status, stderr)
	}
}

func TestRepeatedFlagsFromTheEnvironment(t *testing.T) {
	t.Setenv("BEACON_ORIGIN", "https://a.example  https://b.example")
	s := newPlace(t).serve("127.0.0.1:0")
	for origin, want := range map[string]int{"https://a.example": 204, "https://b.example": 204, "https://c.example": 403} {
		req, _ := http.NewRequest("POST", s.URL+"/x", nil)
		req.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != want {
			t.Errorf("%s: %v %v", origin, res, err)
		}
	}
}
