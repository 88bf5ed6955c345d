//go:build unix

package beacon_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// BenchmarkSendAgainstWrite sends 512 bytes of JSON while the server is a black hole, and
// beside each beacon makes a bare write(2) of as many bytes as its record has.
func BenchmarkSendAgainstWrite(b *testing.B) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	if err != nil {
		b.Fatal(err)
	}
	defer hole.Close()
	dir := b.TempDir()
	outbox := filepath.Join(dir, "outbox")
	n := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, Capacity: 1 << 40}}
	data := beacon.Blob{Data: []byte(`{"x":"` + strings.Repeat("x", 504) + `"}`), Type: "application/json"}
	url := "http://" + hole.Addr().String() + "/events"
	send := func() {
		if ok, err := n.SendBeacon(url, data); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	send()
	segments, _ := filepath.Glob(filepath.Join(outbox, "*.warc"))
	info, err := os.Stat(segments[0])
	if err != nil {
		b.Fatal(err)
	}
	record := make([]byte, info.Size())
	file, err := os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()

	var sends, writes []time.Duration
	for b.Loop() {
		began := time.Now()
		send()
		sent := time.Now()
		if _, err := file.Write(record); err != nil {
			b.Fatal(err)
		}
		sends, writes = append(sends, sent.Sub(began)), append(writes, time.Since(sent))
	}
	slices.Sort(sends)
	slices.Sort(writes)
	at := func(d []time.Duration, share float64) float64 {
		return float64(d[int(share*float64(len(d)-1))].Nanoseconds())
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(sends, .5), "send-p50-ns")
	b.ReportMetric(at(sends, .99), "send-p99-ns")
	b.ReportMetric(at(writes, .5), "write-p50-ns")
	b.ReportMetric(at(writes, .99), "write-p99-ns")
	b.ReportMetric(at(sends, .5)/at(writes, .5), "send/write")
}
