package httpserver_test

import (
	"bytes"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/collect"
)

// BenchmarkBeacon is what a plain beacon costs the collector but for the kernel and the disk:
// from its bytes to those of its 204, on one connection in memory.
func BenchmarkBeacon(b *testing.B) {
	// A collector's heap is larger than a benchmark's, and is cleared of garbage less often.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	body := `{"name":"LCP","value":1234567890123456,"filler":"` + strings.Repeat("x", 461) + `"}`
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for name, head := range map[string]string{
		"short": "POST /load HTTP/1.1\r\nHost: beacon.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0\r\nOrigin: https://shop.example\r\nReferer: https://shop.example/cart\r\nContent-Type: application/json\r\n" + length,
		"chromium": "POST /load HTTP/1.1\r\nHost: beacon.example\r\nConnection: keep-alive\r\n" + length +
			"sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
			"sec-ch-ua: \"Chromium\";v=\"156\", \"Not_A Brand\";v=\"24\"\r\nContent-Type: text/plain;charset=UTF-8\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nOrigin: https://shop.example\r\n" +
			"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://shop.example/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c := &repeated{request: []byte(head + "\r\n" + body), left: b.N, closed: make(chan struct{})}
			server := httpserver.New(httpserver.Options{Handler: collect.Handler(func([]byte) error { return nil }, collect.Options{})})
			defer server.Close()
			b.ResetTimer()
			go server.Serve(&once{conn: c})
			<-c.closed
			if c.answered != b.N {
				b.Errorf("%d answers of 204, not %d", c.answered, b.N)
			}
		})
	}
}

// A once is the listener of one connection.
type once struct {
	net.Listener
	conn *repeated
	done bool
}

func (l *once) Accept() (net.Conn, error) {
	if l.done {
		<-l.conn.closed
		return nil, net.ErrClosed
	}
	l.done = true
	return l.conn, nil
}

func (l *once) Close() error { return nil }

// A repeated is a connection in memory, on which the same request comes so many times, each
// in one piece and when the one before is answered.
type repeated struct {
	net.Conn
	request        []byte
	left, answered int
	closed         chan struct{}
	once           sync.Once
}

func (c *repeated) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, net.ErrClosed
	}
	c.left--
	return copy(p, c.request), nil
}

func (c *repeated) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("HTTP/1.1 204")) {
		c.answered++
	}
	return len(p), nil
}

func (c *repeated) Close() error                      { c.once.Do(func() { close(c.closed) }); return nil }
func (c *repeated) SetReadDeadline(t time.Time) error { return nil }
func (c *repeated) LocalAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 80}
}
func (c *repeated) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 4711}
}
