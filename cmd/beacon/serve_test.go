//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAStopDrains stops the collector while requests are under way: those that end by themselves
// are answered, and a live view is cut off.
func TestAStopDrains(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	tail, err := s.get("/-/tail")
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
	s := newPlace(t).serve("127.0.0.1:0")
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
		if status, _ := get(path, "X-Forwarded-For", "203.0.113.7", "Authorization", "Bearer "+s.p.token()); status != 200 {
			t.Errorf("%s with the token: %d", path, status)
		}
	}
	_, text := get("/-/metrics")
	for _, line := range []string{
		"beacon_received_total 1", "beacon_accepted_total 1", "beacon_accepted_body_bytes_total 3", `beacon_refused_total{reason="disk"} 0`,
		"beacon_ack_seconds_count 1", "beacon_fsync_seconds_count 1", "beacon_preflights_orphaned_total 0",
		"beacon_inbox_lag_bytes ", "beacon_table_lag_seconds ", "beacon_table_rows ", "beacon_query_confined ", "beacon_connections ", "go_goroutines ", "process_resident_memory_bytes ",
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
		{[]string{"--referer", "x"}, "path, origin, full"},
		{[]string{"--keep-header", "a b"}, "such as X-GitHub-Event"},
		{[]string{"--keep-header", "cookie"}, "credentials are never stored"},
		{[]string{"--opt-out", "x"}, "keep, anonymous, refuse"},
		{[]string{"--max-body", "0"}, "--max-body"},
		{[]string{"--max-body", "17MiB"}, "16 MiB is the most"},
		{[]string{"--address-rate", "-1"}, "0 is any number"},
		{[]string{"--origin-rate", "NaN"}, "0 is any number"},
		{[]string{"--address-rate", "1e-300"}, "0 is any number"},
		{[]string{"--query-timeout", "0s"}, "like 30s or 5m"},
		{[]string{"--batch", "events"}, "such as /events"},
		{[]string{"--get", ""}, "such as /events"},
		{[]string{"--no-get", "/-/x"}, "such as /events"},
		{[]string{"--answer", "/x=nobody"}, "posthog"},
		{[]string{"--schema", "/x"}, "STREAM=FILE"},
		{[]string{"--schema", "/x=/no/such/file"}, "can't be used as a JSON Schema"},
		{[]string{"--batch", "/e?x"}, "such as /events"},
		{[]string{"--geoip", "/no/such/file"}, "download a file of countries"},
		{[]string{"--geoip", "serve_test.go"}, "not a MaxMind DB file"},
		{[]string{"--bots", "/no/such/file"}, "--bots: open /no/such/file"},
		{[]string{"--bots", "serve_test.go"}, "serve_test.go:1: \"//go:build unix\": write agent WORD, referrer HOST or network CIDR"},
		{[]string{"--listen", ""}, "--listen is empty"},
		{[]string{"--data", ""}, "--data is empty"},
		{[]string{"--proxy", "0.0.0.0/0"}, "trusts every client"},
		{[]string{"--proxy", "::ffff:0:0/90"}, "can't be read"},
		{[]string{"--acme-email", "a@b.example"}, "need --acme"},
		{[]string{"--max-age", "1ns"}, "one minute at least"},
		{[]string{"--address-connections", "1.5"}, "is not a number"},
		{[]string{"--query-timeout", "x"}, "is not a duration"},
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
