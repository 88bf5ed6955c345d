package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d051cf5a/beacon/internal/loadtest"
)

// benchSeconds is how long a benchmark loads the collector: BEACON_SUSTAIN, or otherwise.
func benchSeconds(otherwise int) time.Duration {
	n, err := strconv.Atoi(os.Getenv("BEACON_SUSTAIN"))
	if err != nil || n <= 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// maxOf samples a metric until the returned function is called, which returns the greatest value.
func (s *server) maxOf(name string, every time.Duration) (end func() float64) {
	done, most := make(chan struct{}), 0.0
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for tick := time.NewTicker(every); ; {
			most = max(most, s.metric(name))
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() float64 {
		close(done)
		sampler.Wait()
		return most
	}
}

// BenchmarkTableCost posts as fast as the answers come, in turns to a collector and to one without
// a table. CPU time is that of all work, also of what the table does after the answers.
func BenchmarkTableCost(b *testing.B) {
	const turn = 1 << 16
	for b.Loop() {
		s, with := benchCollector(b)
		with.settle = func() { s.caughtUp(b, with.posted) }
		bare := newPlace(b).serveAs("bare", "127.0.0.1:0")
		without := &process{
			Load: loadtest.Dial(b, strings.TrimPrefix(bare.URL, "http://"), benchConnections),
			pid:  func() []int { return []int{bare.cmd.Process.Pid} },
		}
		for end := time.Now().Add(benchSeconds(30)); time.Now().Before(end); {
			with.run(turn)
			without.run(turn)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(with.rate()/without.rate(), "with/without")
		b.ReportMetric(with.cpuEach()-without.cpuEach(), "table-cpu-µs")
		b.ReportMetric(without.cpuEach(), "cpu-µs-without")
		s.stop()
		bare.stop()
	}
}

// BenchmarkTableKeepsUp posts as fast as the answers come, without a pause, and reports how far the
// table was behind and how long it took to catch up.
func BenchmarkTableKeepsUp(b *testing.B) {
	for b.Loop() {
		s, ours := benchCollector(b)
		lag := s.maxOf("beacon_inbox_lag_bytes", 250*time.Millisecond)
		for ours.spent < benchSeconds(60) {
			ours.run(1 << 14)
		}
		most, ended := lag(), time.Now()
		s.caughtUp(b, ours.posted)
		behind := time.Since(ended)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(ours.rate(), "acknowledged/s")
		b.ReportMetric(most/(1<<20), "max-lag-MiB")
		b.ReportMetric(behind.Seconds(), "s-behind-at-the-end")
		b.ReportMetric(float64(ours.posted)/(ours.spent+behind).Seconds(), "into-the-table/s")
		b.ReportMetric(float64(memoryOf(s.cmd.Process.Pid, "VmHWM"))/(1<<20), "peak-MiB")
		s.stop()
		b.ReportMetric(float64(sizeOf(b, filepath.Join(s.p.data, tableDir)))/float64(ours.posted), "table-B/beacon")
	}
}

// fewConnections are each used before they are closed for being idle.
const fewConnections = 64

// BenchmarkTrickle reports the CPU time of a collector that gets 1,000 beacons a second, as a
// percentage of a core. Three other figures say how much of it this machine asks of any program: the
// same collector without a table, a net/http handler that discards what it gets, and a loop that only
// appends to a file and syncs it 1,000 times a second.
func BenchmarkTrickle(b *testing.B) {
	const rate = 1000
	for b.Loop() {
		b.ReportMetric(0, "ns/op")
		d := benchSeconds(70) // longer than a flush waits
		for _, role := range []string{"command", "bare", "discard"} {
			s := newPlace(b).serveAs(role, "127.0.0.1:0")
			load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), fewConnections)
			before := cpuOf([]int{s.cmd.Process.Pid})
			load.PostAt(rate, d)
			b.ReportMetric(100*(cpuOf([]int{s.cmd.Process.Pid})-before).Seconds()/d.Seconds(), "%core-"+role)
			s.stop()
		}
		b.ReportMetric(100*syncCPU(b, rate, d).Seconds()/d.Seconds(), "%core-sync")
	}
}

// syncCPU returns the CPU time of the appends and syncs alone, without that of the pauses between.
func syncCPU(b *testing.B, rate int, d time.Duration) (spent time.Duration) {
	f, err := os.CreateTemp("", "beacon-sync-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := func() time.Duration {
		var now unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &now); err != nil {
			b.Fatal(err)
		}
		return time.Duration(now.Utime.Nano() + now.Stime.Nano())
	}
	record := make([]byte, 1000)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for range rate * int(d/time.Second) {
		<-tick.C
		before := thread()
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		spent += thread() - before
	}
	return spent
}

// BenchmarkQueryEverySecond asks once a second while 100 beacons a second come in.
func BenchmarkQueryEverySecond(b *testing.B) {
	for b.Loop() {
		s := newPlace(b).serve("127.0.0.1:0")
		load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), fewConnections)
		d, pids := benchSeconds(600), []int{s.cmd.Process.Pid}
		before, done := cpuOf(pids), make(chan struct{})
		go func() {
			load.PostAt(100, d)
			close(done)
		}()
		asked, slowest := 0, time.Duration(0)
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-tick.C:
				began := time.Now()
				s.query("select count(distinct data->>'id') from beacons")
				slowest, asked = max(slowest, time.Since(began)), asked+1
				continue
			case <-done:
			}
			break
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(asked), "queries")
		b.ReportMetric(slowest.Seconds(), "s-slowest")
		b.ReportMetric(s.metric("beacon_table_files"), "files")
		b.ReportMetric(float64(writtenBy(s.cmd.Process.Pid))/float64(d.Seconds()*100), "B-written/beacon")
		b.ReportMetric(100*(cpuOf(pids)-before).Seconds()/d.Seconds(), "%core")
		s.stop()
	}
}

// writtenBy is how many bytes a process and those that it waited for have sent to the disk.
func writtenBy(pid int) (n int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, _ = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return n
}

// hostile are queries that crash the engine, take all memory, or run without end.
var hostile = []string{
	"select lag(x,-9223372036854775808) over () from range(10) t(x)",
	"select length(range((select 1000000000)))",
	"select count(*) from range(100000000) a, range(100000000) b",
	"with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
	"select repeat('x', 1000000000)",
}

// BenchmarkAckBesideHostileQueries measures the answers to 5,000 beacons a second, in turns without
// and beside hostile queries. The figures are medians of the turns: a single stall of the machine
// decides the 99th percentile of one.
func BenchmarkAckBesideHostileQueries(b *testing.B) {
	const turn = 3 * time.Second
	for b.Loop() {
		s := newPlace(b).serve("127.0.0.1:0", "--query-timeout", "2s")
		load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), benchConnections)
		p99 := func() float64 {
			took := load.PostAt(5000, turn)
			return float64(took[len(took)*99/100].Microseconds()) / 1000
		}
		var without, beside []float64
		asked := 0
		for end := time.Now().Add(benchSeconds(60)); time.Now().Before(end); {
			without = append(without, p99())
			stop := s.askHostile(b, 2, &asked)
			beside = append(beside, p99())
			stop()
		}
		slices.Sort(without)
		slices.Sort(beside)
		quiet, loud := without[len(without)/2], beside[len(beside)/2]
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(quiet, "p99-ms-without")
		b.ReportMetric(loud, "p99-ms-beside")
		b.ReportMetric(loud/quiet, "beside/without")
		b.ReportMetric(float64(asked), "hostile-queries")
		s.stop()
	}
}

// askHostile asks hostile queries, some at a time, until the returned function is called.
func (s *server) askHostile(b *testing.B, askers int, asked *int) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	for range askers {
		all.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				n := *asked
				*asked++
				mu.Unlock()
				// The comment makes it another query, which is not refused.
				sql := fmt.Sprintf("%s -- %d", hostile[n%len(hostile)], n)
				req, _ := http.NewRequestWithContext(ctx, "GET", s.URL+"/-/query?sql="+url.QueryEscape(sql), nil)
				req.Header.Set("Authorization", "Bearer "+s.p.token())
				if res, err := http.DefaultClient.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}
