//go:build unix

package collect_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
)

// BenchmarkDurable204AgainstDiscard posts 512 bytes of JSON on so many connections to the
// collector, and to a handler that discards the body and answers 204, in turn. The CPU time
// is the process's, so it has the clients' in it.
func BenchmarkDurable204AgainstDiscard(b *testing.B) {
	for _, conns := range []int{64, 256, 1024} {
		b.Run(strconv.Itoa(conns)+"-connections", func(b *testing.B) {
			c, err := collect.Open(b.TempDir(), collect.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			durable := newLoad(b, c, conns)
			discard := newLoad(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusNoContent)
			}), conns)
			for b.Loop() {
				durable.run(b)
				discard.run(b)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(durable.rate(), "durable/s")
			b.ReportMetric(discard.rate(), "discard/s")
			b.ReportMetric(durable.rate()/discard.rate(), "durable/discard")
			b.ReportMetric(durable.cpuEach(), "durable-cpu-µs")
			b.ReportMetric(discard.cpuEach(), "discard-cpu-µs")
		})
	}
}

// A load is a server and the connections to it. It writes prepared bytes, so that the
// time is the server's and not a client library's.
type load struct {
	conns []net.Conn
	input []byte

	posted     int
	spent, cpu time.Duration
}

func (l *load) rate() float64    { return float64(l.posted) / l.spent.Seconds() }
func (l *load) cpuEach() float64 { return float64(l.cpu.Microseconds()) / float64(l.posted) }

func newLoad(b *testing.B, h http.Handler, conns int) *load {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(l)
	b.Cleanup(func() { server.Close() })
	body := `{"x":"` + strings.Repeat("x", 504) + `"}`
	ld := &load{input: fmt.Appendf(nil, "POST /load HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	for range conns {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		ld.conns = append(ld.conns, conn)
	}
	return ld
}

// run posts 16384 beacons.
func (l *load) run(b *testing.B) {
	const n = 1 << 14
	began, cpu := time.Now(), cpuTime()
	var left atomic.Int64
	left.Store(n)
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
	l.posted += n
	l.spent += time.Since(began)
	l.cpu += cpuTime() - cpu
}

// cpuTime is what this process has used until now.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
