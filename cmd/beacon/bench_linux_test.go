package main

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
	"github.com/seed-d051cf5a/beacon/internal/loadtest"
)

// connections of a load: at 30,000 beacons a second from browsers 30 ms away, 900 are in
// flight.
const benchConnections = 1024

// A process is a server under load.
type process struct {
	*loadtest.Load
	pid    func() []int // it and its children
	settle func()       // waits until it has done what its answers left for later

	posted     int
	spent, cpu time.Duration
}

// run posts n beacons. The time is that of the answers, and the CPU time that of all it takes.
func (p *process) run(n int) {
	before := cpuOf(p.pid())
	p.spent += p.Post(n)
	p.posted += n
	if p.settle != nil {
		p.settle()
	}
	p.cpu += cpuOf(p.pid()) - before
}

func (p *process) rate() float64    { return float64(p.posted) / p.spent.Seconds() }
func (p *process) cpuEach() float64 { return float64(p.cpu.Microseconds()) / float64(p.posted) }

// cpuOf is the CPU time of processes, to 10 ms.
func cpuOf(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if i := strings.LastIndexByte(string(stat), ')'); i > 0 {
			fields := strings.Fields(string(stat[i+1:]))
			for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
				n, _ := strconv.Atoi(f)
				sum += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return sum
}

func children(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	pids := []int{pid}
	for _, f := range strings.Fields(string(text)) {
		n, _ := strconv.Atoi(f)
		pids = append(pids, n)
	}
	return pids
}

func benchCollector(b *testing.B) (*server, *process) {
	s := newPlace(b).serve("127.0.0.1:0", "--max-inbox", "100GiB") // so that its size is all beacons'
	return s, &process{
		Load: loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), benchConnections),
		pid:  func() []int { return []int{s.cmd.Process.Pid} },
	}
}

// BenchmarkCollectorAgainstNginx posts to the collector, which syncs each beacon and has a table
// behind it, and to nginx as testdata/nginx.conf sets it up in two ways.
//
// First each server is on one core, and the load comes from another; then both have all cores, with
// the load.
func BenchmarkCollectorAgainstNginx(b *testing.B) {
	b.Run("one-core", func(b *testing.B) {
		if runtime.NumCPU() < 2 {
			b.Skip("this needs two cores")
		}
		pin(b, 0)
		againstNginx(b, func() { pin(b, 1) })
	})
	b.Run("all-cores", func(b *testing.B) { againstNginx(b, func() {}) })
}

// pin keeps the goroutine and the processes that it starts on a core.
func pin(b *testing.B, core int) {
	runtime.LockOSThread() // the thread ends with the goroutine
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		b.Fatal(err)
	}
}

// againstNginx calls started when the servers are.
func againstNginx(b *testing.B, started func()) {
	s, ours := benchCollector(b)
	ours.settle = func() { s.caughtUp(b, ours.posted) }
	byDefault, kept := startNginx(b)
	started()
	const n = 1 << 17
	for b.Loop() {
		ours.run(n)
		byDefault.run(n)
		kept.run(n)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.rate(), "collector/s")
	b.ReportMetric(byDefault.rate(), "nginx/s")
	b.ReportMetric(kept.rate(), "nginx-keepalive/s")
	b.ReportMetric(ours.rate()/byDefault.rate(), "collector/nginx")
	b.ReportMetric(ours.rate()/kept.rate(), "collector/nginx-keepalive")
	b.ReportMetric(ours.cpuEach(), "collector-cpu-µs")
	b.ReportMetric(byDefault.cpuEach(), "nginx-cpu-µs")
	b.ReportMetric(kept.cpuEach(), "nginx-keepalive-cpu-µs")
}

// startNginx returns a load on each of the two ways in testdata/nginx.conf.
func startNginx(b *testing.B) (byDefault, kept *process) {
	b.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		b.Skip("this needs nginx")
	}
	dir := b.TempDir()
	os.Chmod(dir, 0o755) // for its workers, which are another user's
	os.Chmod(filepath.Dir(dir), 0o755)
	config, err := os.ReadFile("testdata/nginx.conf")
	if err != nil {
		b.Fatal(err)
	}
	addresses := []string{freeAddress(b), freeAddress(b), freeAddress(b)}
	text := strings.NewReplacer("DIR", dir, "DEFAULT", addresses[0], "KEEPALIVE", addresses[1], "BACK", addresses[2]).Replace(string(config))
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", name)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	for _, address := range addresses {
		eventually(b, "nginx listens", func() bool {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	pids := func() []int { return children(cmd.Process.Pid) }
	return &process{Load: loadtest.Dial(b, addresses[0], benchConnections), pid: pids},
		&process{Load: loadtest.Dial(b, addresses[1], benchConnections), pid: pids}
}

// BenchmarkSustained posts as fast as the collector answers for so many seconds
// (BEACON_SUSTAIN, 30), and waits until all of it is in the table. Its rate is that of the
// whole.
func BenchmarkSustained(b *testing.B) {
	seconds, err := strconv.Atoi(os.Getenv("BEACON_SUSTAIN"))
	if err != nil || seconds <= 0 {
		seconds = 30
	}
	for b.Loop() {
		s, ours := benchCollector(b)
		for ours.spent < time.Duration(seconds)*time.Second {
			ours.run(1 << 14)
		}
		caughtUp := time.Now()
		ours.settle = func() { s.caughtUp(b, ours.posted) }
		ours.run(0)
		behind := time.Since(caughtUp)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(ours.posted), "beacons")
		b.ReportMetric(ours.rate(), "acknowledged/s")
		b.ReportMetric(behind.Seconds(), "s-behind-at-the-end")
		b.ReportMetric(float64(ours.posted)/(ours.spent+behind).Seconds(), "into-the-table/s")
		b.ReportMetric(ours.cpuEach(), "cpu-µs")
		b.ReportMetric(float64(memoryOf(s.cmd.Process.Pid, "VmHWM"))/(1<<20), "peak-MiB")
		s.stop()
		b.ReportMetric(float64(sizeOf(b, filepath.Join(s.p.data, "inbox")))/float64(ours.posted), "inbox-B/beacon")
		b.ReportMetric(float64(sizeOf(b, filepath.Join(s.p.data, tableDir)))/float64(ours.posted), "table-B/beacon")
	}
}

// caughtUp returns when the table has so many rows.
func (s *server) caughtUp(b *testing.B, n int) {
	b.Helper()
	for began := time.Now(); ; {
		rows := s.query("select count(*) as n from beacons")
		if rows[0]["n"] == float64(n) { // as text a million would be 1e+06
			return
		}
		if time.Since(began) > 10*time.Minute {
			b.Fatalf("%v rows of %d", rows, n)
		}
	}
}

// sizeOf is the bytes of a file, or of all in a folder.
func sizeOf(b *testing.B, path string) (sum int64) {
	b.Helper()
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, statErr := d.Info()
			if statErr == nil {
				sum += info.Size()
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// BenchmarkAckAtHalfLoad measures how long an answer takes at half of the rate that the
// collector has at most, with the table behind it.
func BenchmarkAckAtHalfLoad(b *testing.B) {
	for b.Loop() {
		s, ours := benchCollector(b)
		ours.run(1 << 16)
		// The table has caught up before the measurement begins.
		s.query("select count(*) from beacons")
		half := ours.rate() / 2
		took := ours.PostAt(half, 10*time.Second)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(half, "beacons/s")
		for _, p := range []float64{0.5, 0.99} {
			b.ReportMetric(float64(took[int(p*float64(len(took)))].Microseconds())/1000, fmt.Sprintf("p%v-ms", p*100))
		}
		s.stop()
	}
}

// BenchmarkIdle reports the memory of an open connection that has had one answer and is idle, by what it
// speaks.
func BenchmarkIdle(b *testing.B) {
	cert, key, roots := certtest.Write(b, b.TempDir(), 1)
	http1 := func(conn net.Conn) { fmt.Fprintf(conn, "POST /idle HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n") }
	http2 := func(conn net.Conn) { newHTTP2Client(conn).ask("POST", "/idle", true, false) }
	for _, x := range []struct {
		name, protocol string // of TLS, or ""
		ask            func(net.Conn)
	}{
		{"HTTP1", "", http1}, {"HTTP1-chunked", "", func(conn net.Conn) { // which net/http serves
			fmt.Fprintf(conn, "POST /idle HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		}}, {"HTTP1-TLS", "http/1.1", http1}, {"HTTP2", "", http2}, {"HTTP2-TLS", "h2", http2},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				var flags []string
				if x.protocol != "" {
					flags = []string{"--tls-cert", cert, "--tls-key", key}
				}
				s := newPlace(b).serve("127.0.0.1:0", flags...)
				_, address, _ := strings.Cut(s.URL, "://")
				config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{x.protocol}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				before := memoryOf(s.cmd.Process.Pid, "VmRSS")
				const n = 4000
				for range n {
					var conn net.Conn
					conn, err := net.Dial("tcp", address)
					if err != nil {
						b.Fatal(err)
					}
					defer conn.Close()
					if x.protocol != "" {
						conn = tls.Client(conn, config)
					}
					x.ask(conn)
					if _, err := conn.Read(make([]byte, 1000)); err != nil {
						b.Fatal(err)
					}
				}
				s.idle()
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(memoryOf(s.cmd.Process.Pid, "VmRSS")-before)/n/1024, "KiB/connection")
				s.stop()
			}
		})
	}
}
