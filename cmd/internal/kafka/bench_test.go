//go:build unix

package kafka

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// startFakeBroker starts a broker in another process, so that its CPU time is not measured.
func startFakeBroker(t testing.TB) (addresses []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fakeBroker+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(line), ",")
}

// pageView returns the body of a typical event.
func pageView(r *rand.Rand) []byte {
	return fmt.Appendf(nil, `{"name":"view","view":"%s","n":%d,"url":"https://shop.example/products/%d?utm_source=news","referrer":"https://search.example/","title":"Product %d - Shop","width":%d,"height":%d,"language":"en-NZ","zone":"Pacific/Auckland","seconds":%.1f}`,
		uuid.Must(uuid.NewV7()), r.IntN(10), r.IntN(100000), r.IntN(100000), 300+r.IntN(2000), 300+r.IntN(1500), 100*r.Float64())
}

// fill appends n typical records to the inbox, and returns their size in bytes.
func (h *harness) fill(n int) (size int64) {
	r := rand.New(rand.NewPCG(1, 2))
	var all bytes.Buffer
	for range n {
		all.Write(h.record(uuid.Must(uuid.NewV7()), pageView(r)))
		if all.Len() > 900<<10 {
			size += int64(all.Len())
			h.append(all.Bytes())
			all.Reset()
		}
	}
	if all.Len() > 0 {
		h.append(all.Bytes())
	}
	return size + int64(all.Len())
}

// cpuTime returns the CPU time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkShip ships records that are in the inbox to a fake broker, and reports the CPU time that this
// process takes.
func BenchmarkShip(b *testing.B) {
	h := newHarness(b)
	h.options.Brokers = startFakeBroker(b)
	benchmarkShip(b, h)
}

// BenchmarkShipToKafka ships to a real broker on the same machine.
func BenchmarkShipToKafka(b *testing.B) {
	h, _ := realHarness(b, 1)
	h.create(8, 1)
	benchmarkShip(b, h)
}

func benchmarkShip(b *testing.B, h *harness) {
	b.SetBytes(h.fill(b.N) / int64(b.N))
	cpu := cpuTime()
	b.ResetTimer()
	h.ship()
	h.await()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkAck appends one record at a time to the inbox, and measures until a real broker has acknowledged it.
func BenchmarkAck(b *testing.B) {
	h, _ := realHarness(b, 1)
	h.create(8, 1)
	h.ship()
	h.put(numbered(100)...)
	h.await()
	body := numbered(1)
	b.ResetTimer()
	for range b.N {
		h.put(body...)
		h.await()
	}
}
