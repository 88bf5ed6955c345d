package collect_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
)

// BenchmarkDurable204AgainstDiscard posts 512 bytes of JSON on 64 connections to the
// collector, and to a handler that discards the body and answers 204, in turn.
func BenchmarkDurable204AgainstDiscard(b *testing.B) {
	c, err := collect.Open(b.TempDir(), collect.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	durable := newLoad(b, c)
	discard := newLoad(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	const rounds = 10
	var spent [2]time.Duration
	for i := range b.N {
		if i%max(b.N/rounds, 1) != 0 {
			continue
		}
		n := min(max(b.N/rounds, 1), b.N-i)
		spent[0] += durable.run(b, n)
		spent[1] += discard.run(b, n)
	}
	rate := func(d time.Duration) float64 { return float64(b.N) / d.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(spent[0]), "durable/s")
	b.ReportMetric(rate(spent[1]), "discard/s")
	b.ReportMetric(rate(spent[0])/rate(spent[1]), "durable/discard")
}

// A load is a server and the connections to it. It writes prepared bytes, so that the
// time is the server's and not a client library's.
type load struct {
	conns []net.Conn
	input []byte
}

func newLoad(b *testing.B, h http.Handler) *load {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(l)
	b.Cleanup(func() { server.Close() })
	body := `{"x":"` + strings.Repeat("x", 504) + `"}`
	ld := &load{input: fmt.Appendf(nil, "POST /load HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	for range 64 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		ld.conns = append(ld.conns, conn)
	}
	return ld
}

func (l *load) run(b *testing.B, n int) time.Duration {
	began := time.Now()
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for _, conn := range l.conns {
		all.Go(func() {
			r := bufio.NewReader(conn)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(l.input); err != nil {
					b.Error(err)
					return
				}
				for first := true; ; first = false {
					line, err := r.ReadSlice('\n')
					if err != nil || first && !bytes.HasPrefix(line, []byte("HTTP/1.1 204")) {
						b.Errorf("%q %v", line, err)
						return
					}
					if len(line) == 2 {
						break
					}
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}
