//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

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
