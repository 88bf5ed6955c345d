package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
)

// A loadTool is a program that loads a server, and how its rate is read.
type loadTool struct {
	name string
	run  func(url string, connections, seconds int) *exec.Cmd
	rate *regexp.Regexp // the first group is requests a second
}

func loadTools(b *testing.B) map[string]loadTool {
	body := filepath.Join(b.TempDir(), "body")
	if err := os.WriteFile(body, []byte(`{"name":"LCP","value":1234567890123456,"filler":"`+strings.Repeat("x", 450)+`"}`), 0o600); err != nil {
		b.Fatal(err)
	}
	h2load := func(url string, connections, seconds int, more ...string) *exec.Cmd {
		return exec.Command("h2load", append(more, "-c", strconv.Itoa(connections), "-t", "1", "-D", strconv.Itoa(seconds), "-d", body,
			"-H", "content-type: application/json", "-H", "origin: https://shop.example", "-H", "user-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0", url)...)
	}
	rate := regexp.MustCompile(`([0-9.]+) req/s`)
	return map[string]loadTool{
		"HTTP2": {"h2load", func(url string, connections, seconds int) *exec.Cmd { return h2load(url, connections, seconds) }, rate},
		"HTTP1": {"h2load", func(url string, connections, seconds int) *exec.Cmd { return h2load(url, connections, seconds, "--h1") }, rate},
		"wrk": {"wrk", func(url string, connections, seconds int) *exec.Cmd {
			return exec.Command("wrk", "-t", "1", "-c", strconv.Itoa(connections), "-d", strconv.Itoa(seconds)+"s", "-s", "testdata/post.lua", url)
		}, regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)},
	}
}

// BenchmarkAgainstBareHandler loads in turns, with the same program: the collector, which syncs each beacon
// and has a table behind it; a net/http server whose handler discards what it gets; and one whose handler
// appends the body to a file and syncs it, as the collector does, and does nothing else. The rates are
// medians of the turns. The table has caught up before each turn of the others.
func BenchmarkAgainstBareHandler(b *testing.B) {
	cert, key, _ := certtest.Write(b, b.TempDir(), 1)
	tools := loadTools(b)
	for _, x := range []struct {
		name, tool string
		tls        bool
	}{
		{"HTTP2-TLS", "HTTP2", true}, {"HTTP1-TLS", "HTTP1", true}, {"HTTP1", "HTTP1", false}, {"HTTP1-TLS-wrk", "wrk", true}, {"HTTP1-wrk", "wrk", false},
	} {
		for _, connections := range []int{256, 1024} {
			b.Run(fmt.Sprintf("%s/%d", x.name, connections), func(b *testing.B) {
				tool := tools[x.tool]
				if _, err := exec.LookPath(tool.name); err != nil {
					b.Skip("this needs " + tool.name)
				}
				var flags []string
				if x.tls {
					flags = []string{"--tls-cert", cert, "--tls-key", key}
				}
				ours := newPlace(b).serve("127.0.0.1:0", flags...)
				bare := newPlace(b).serveAs("discard", "127.0.0.1:0", flags...)
				syncing := newPlace(b).serveAs("sync", "127.0.0.1:0", flags...)
				seconds := max(1, int(benchSeconds(3)/time.Second))
				turn := func(s *server, path string) float64 {
					out, err := tool.run(s.URL+path, connections, seconds).CombinedOutput()
					m := tool.rate.FindSubmatch(out)
					if err != nil || m == nil {
						b.Fatalf("%s: %v: %s", tool.name, err, out)
					}
					rate, _ := strconv.ParseFloat(string(m[1]), 64)
					return rate
				}
				var collector, handler, durable []float64
				for b.Loop() {
					for range 5 {
						collector = append(collector, turn(ours, "/load"))
						ours.idle()
						handler = append(handler, turn(bare, "/load"))
						durable = append(durable, turn(syncing, "/load"))
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(middle(durable)/middle(handler), "bare-and-sync/bare")
				b.ReportMetric(middle(collector), "collector/s")
				b.ReportMetric(middle(handler), "bare/s")
				b.ReportMetric(middle(collector)/middle(handler), "collector/bare")
				ours.stop()
				bare.stop()
				syncing.stop()
			})
		}
	}
}

// BenchmarkHandshakes opens connections of HTTP/2 over TLS with one beacon each, in turns with a bare
// handler.
func BenchmarkHandshakes(b *testing.B) {
	cert, key, _ := certtest.Write(b, b.TempDir(), 1)
	tool := loadTools(b)["HTTP2"]
	if _, err := exec.LookPath(tool.name); err != nil {
		b.Skip("this needs " + tool.name)
	}
	flags := []string{"--tls-cert", cert, "--tls-key", key}
	ours, bare := newPlace(b).serve("127.0.0.1:0", flags...), newPlace(b).serveAs("discard", "127.0.0.1:0", flags...)
	turn := func(s *server) float64 {
		cmd := tool.run(s.URL+"/load", 500, 0)
		i := slices.Index(cmd.Args, "-D")
		cmd.Args = slices.Replace(cmd.Args, i, i+2, "-n", "500")
		out, err := cmd.CombinedOutput()
		m := tool.rate.FindSubmatch(out)
		if err != nil || m == nil {
			b.Fatalf("%v: %s", err, out)
		}
		rate, _ := strconv.ParseFloat(string(m[1]), 64)
		return rate
	}
	var collector, handler []float64
	for b.Loop() {
		for range 10 {
			collector, handler = append(collector, turn(ours)), append(handler, turn(bare))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middle(collector), "collector-handshakes/s")
	b.ReportMetric(middle(handler), "bare-handshakes/s")
	b.ReportMetric(middle(collector)/middle(handler), "collector/bare")
	ours.stop()
	bare.stop()
}

func middle(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// idle returns when the table has all that was acknowledged.
func (s *server) idle() {
	for s.metric("beacon_inbox_lag_bytes") > 0 {
		time.Sleep(50 * time.Millisecond)
	}
}
