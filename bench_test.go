//go:build unix

package beacon_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
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
	n := open(b, beacon.Config{Dir: outbox, Capacity: 1 << 40})
	data := beacon.Blob{Data: []byte(`{"x":"` + strings.Repeat("x", 504) + `"}`), Type: "application/json"}
	url := "http://" + hole.Addr().String() + "/events"
	send := func() {
		if err := n.Send(url, data); err != nil {
			b.Fatal(err)
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
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mean(sends), "send-ns")
	b.ReportMetric(quantile(sends, .5), "send-p50-ns")
	b.ReportMetric(quantile(sends, .99), "send-p99-ns")
	b.ReportMetric(mean(writes), "write-ns")
	b.ReportMetric(quantile(writes, .5), "write-p50-ns")
	b.ReportMetric(mean(sends)/mean(writes), "send/write")
	b.ReportMetric(quantile(sends, .5)/quantile(writes, .5), "send/write-p50")
}

func mean(d []time.Duration) float64 {
	var sum time.Duration
	for _, t := range d {
		sum += t
	}
	return float64(sum) / float64(len(d))
}

func quantile(d []time.Duration, share float64) float64 {
	slices.Sort(d)
	return float64(d[int(share*float64(len(d)-1))])
}

// BenchmarkRunAgainstNoSend runs a whole program that reports one event in each of the
// ways that people write, in turn with the same program that reports none, while the
// server answers at once, after 300 ms, and never.
func BenchmarkRunAgainstNoSend(b *testing.B) {
	for _, server := range []struct {
		name  string
		delay time.Duration
	}{{"at-once", 0}, {"300ms", 300 * time.Millisecond}, {"never", time.Hour}} {
		for _, way := range []string{"beacon", "beacon-first", "post", "goroutine", "child"} {
			b.Run(way+"/"+server.name, func(b *testing.B) {
				stop := make(chan struct{})
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					select {
					case <-time.After(server.delay):
					case <-stop:
					}
					w.WriteHeader(http.StatusNoContent)
				}))
				defer s.Close()
				defer close(stop)
				outbox := proctest.OutboxDir(b)
				run := func(way, outbox string) time.Duration {
					cmd := exec.Command(os.Args[0], s.URL)
					cmd.Env = append(os.Environ(), "BEACON_TEST_PROGRAM=way "+way, "BEACON_OUTBOX="+outbox)
					began := time.Now()
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
					return time.Since(began)
				}
				run("beacon", outbox) // and a deliverer is alive
				var with, without []time.Duration
				for i := 0; b.Loop(); i++ {
					box := outbox
					if way == "beacon-first" { // one must be started
						box = outbox + strconv.Itoa(i)
					}
					without = append(without, run("nothing", box))
					with = append(with, run(strings.TrimSuffix(way, "-first"), box))
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric((quantile(with, .5)-quantile(without, .5))/1e6, "added-ms")
				b.ReportMetric(quantile(without, .5)/1e6, "program-ms")
			})
		}
	}
}

// way is the program of that benchmark.
func way(how, url string) {
	event := []byte(`{"event":"run","ok":true}`)
	post := func() {
		client := http.Client{Timeout: 2 * time.Second}
		if res, err := client.Post(url, "application/json", bytes.NewReader(event)); err == nil {
			res.Body.Close()
		}
	}
	switch how {
	case "beacon":
		beacon.Send(url, beacon.Blob{Data: event, Type: "application/json"})
	case "post":
		post()
	case "goroutine":
		done := make(chan struct{})
		go func() { post(); close(done) }()
		select {
		case <-done:
		case <-time.After(100 * time.Millisecond):
		}
	case "child":
		child := exec.Command(os.Args[0], url)
		child.Env = append(os.Environ(), "BEACON_TEST_PROGRAM=way stdin")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		in, err := child.StdinPipe()
		if err == nil {
			err = child.Start()
		}
		if err == nil {
			_, err = in.Write(event)
			in.Close()
		}
		if err != nil {
			panic(err)
		}
	case "stdin":
		event, _ = io.ReadAll(os.Stdin)
		post()
	}
	os.Exit(0)
}
