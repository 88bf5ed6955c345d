// Package loadtest posts beacons over many connections, for benchmarks. It writes prepared
// bytes and reads no more of an answer than its end, so that the time is the server's and not
// a client library's.
package loadtest

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// body is what a beacon has: 512 bytes of JSON, in which the digits are others each time.
var body = `{"name":"LCP","value":0000000000000000,"id":"v4-0000000000000000","path":"/shop/cart","filler":"` + strings.Repeat("x", 414) + `"}`

// A Load is the connections to one server.
type Load struct {
	tb    testing.TB
	conns []net.Conn
	input []byte
}

// Dial opens so many connections to address; they are closed at the test's end.
func Dial(tb testing.TB, address string, conns int) *Load {
	l := &Load{tb: tb, input: fmt.Appendf(nil,
		"POST /load HTTP/1.1\r\nHost: beacon.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0\r\nOrigin: https://shop.example\r\nReferer: https://shop.example/cart\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	for range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		l.conns = append(l.conns, conn)
	}
	return l
}

// Post posts n beacons, one at a time on each connection, and returns how long that took. An
// answer that is not 204 fails the test.
func (l *Load) Post(n int) time.Duration {
	began := time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for _, conn := range l.conns {
		all.Go(func() {
			c := l.client(conn)
			for left.Add(-1) >= 0 {
				if !c.post() {
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// PostAt posts so many beacons a second for d, each when its time has come and not when the
// one before is answered, and returns how long each took from then on, sorted. A server that
// falls behind is seen in all that wait meanwhile.
func (l *Load) PostAt(perSecond float64, d time.Duration) []time.Duration {
	n := int(perSecond * d.Seconds())
	took := make([]time.Duration, n)
	began := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for _, conn := range l.conns {
		all.Go(func() {
			c := l.client(conn)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				due := began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
				time.Sleep(time.Until(due))
				if !c.post() {
					return
				}
				took[i] = time.Since(due)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	return took
}

// A client is one connection's.
type client struct {
	tb     testing.TB
	conn   net.Conn
	in     *bufio.Reader
	input  []byte
	digits [][]byte // of input
}

func (l *Load) client(conn net.Conn) *client {
	c := &client{tb: l.tb, conn: conn, in: bufio.NewReader(conn), input: bytes.Clone(l.input)}
	const zeros = "0000000000000000"
	for rest := c.input; ; {
		i := bytes.Index(rest, []byte(zeros))
		if i < 0 {
			return c
		}
		c.digits = append(c.digits, rest[i:i+len(zeros)])
		rest = rest[i+len(zeros):]
	}
}

func (c *client) post() bool {
	for _, digits := range c.digits {
		n := rand.Uint64()
		for i := range digits {
			digits[i] = '1' + byte(n&7) // no 0, with which no number begins
			n >>= 3
		}
	}
	if _, err := c.conn.Write(c.input); err != nil {
		c.tb.Error(err)
		return false
	}
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil || first && !bytes.HasPrefix(line, []byte("HTTP/1.1 204")) {
			c.tb.Errorf("%q %v", line, err)
			return false
		}
		if len(line) == 2 {
			return true
		}
	}
}
