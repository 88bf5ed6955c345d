package httpserver_test

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/httpserver"
	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/internal/loadtest"
)

// BenchmarkDurable204AgainstDiscard posts 512 bytes of JSON on so many connections to the
// collector, as beacon serve runs it, and to a handler of net/http that discards the body and
// answers 204, in turn. The CPU time is the process's, so it has the clients' in it.
func BenchmarkDurable204AgainstDiscard(b *testing.B) {
	for _, conns := range []int{64, 256, 1024} {
		b.Run(strconv.Itoa(conns)+"-connections", func(b *testing.B) {
			c, err := collect.Open(b.TempDir(), collect.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			keeps := httpserver.New(httpserver.Options{Handler: c})
			durable := newLoad(b, keeps.Serve, keeps.Close, conns)
			discards := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusNoContent)
			})}
			discard := newLoad(b, discards.Serve, discards.Close, conns)
			for b.Loop() {
				durable.run()
				discard.run()
			}
			all := c.Stats()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(all.Accepted)/float64(all.Fsync.Count), "beacons/fsync")
			b.ReportMetric(durable.rate(), "durable/s")
			b.ReportMetric(discard.rate(), "discard/s")
			b.ReportMetric(durable.rate()/discard.rate(), "durable/discard")
			b.ReportMetric(durable.cpuEach(), "durable-cpu-µs")
			b.ReportMetric(discard.cpuEach(), "discard-cpu-µs")
		})
	}
}

// A load is a server and what it was posted.
type load struct {
	*loadtest.Load
	posted     int
	spent, cpu time.Duration
}

func (l *load) rate() float64    { return float64(l.posted) / l.spent.Seconds() }
func (l *load) cpuEach() float64 { return float64(l.cpu.Microseconds()) / float64(l.posted) }

func newLoad(b *testing.B, serve func(net.Listener) error, close func() error, conns int) *load {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go serve(l)
	b.Cleanup(func() { close() })
	return &load{Load: loadtest.Dial(b, l.Addr().String(), conns)}
}

func (l *load) run() {
	const n = 1 << 14
	cpu := cpuTime()
	l.spent += l.Post(n)
	l.posted += n
	l.cpu += cpuTime() - cpu
}

// cpuTime is what this process has used until now.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
