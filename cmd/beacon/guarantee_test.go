//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
)

// sendUntilKilled sends beacon after beacon, writes a byte for each that is kept, and is
// killed at an instant that it does not know. Without a limit it goes on for ever.
func sendUntilKilled(url, run string, limit int) {
	if limit == 0 {
		go func() {
			time.Sleep(rand.N(4 * time.Millisecond))
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}()
	}
	for n := 1; limit == 0 || n <= limit; n++ {
		if err := beacon.Send(url, beacon.JSON(map[string]any{"run": run, "n": n})); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Stdout.Write([]byte{'.'})
	}
	os.Exit(0)
}

// settled waits until nothing of the outbox is pending, with the help of a later run where
// the last deliverer was killed, and checks that the numbers add up.
func (p *place) settled() beacon.Status {
	p.t.Helper()
	if _, errs, status := p.beacon("outbox", "flush", "--timeout", "60s"); status != 0 {
		p.t.Fatalf("flush: %s", errs)
	}
	s, err := beacon.ReadStatus(p.outbox)
	if err != nil {
		p.t.Fatal(err)
	}
	if s.Accepted != s.Delivered+s.Pending+s.Dead || s.Pending != 0 {
		p.t.Errorf("the numbers don't add up: %+v", s)
	}
	return s
}

// arrived checks that each run's beacons 1 to kept are rows, and that no id is twice.
func (s *server) arrived(kept map[string]int) (rows int) {
	s.p.t.Helper()
	seen := map[string]map[int]bool{}
	all := s.query("select data->>'run' as run, (data->>'n')::int as n from beacons where stream='/run'")
	for _, row := range all {
		run, n := row["run"].(string), int(row["n"].(float64))
		if seen[run] == nil {
			seen[run] = map[int]bool{}
		}
		if seen[run][n] {
			s.p.t.Errorf("beacon %d of run %s is there twice", n, run)
		}
		seen[run][n] = true
	}
	for run, count := range kept {
		for n := 1; n <= count; n++ {
			if !seen[run][n] {
				s.p.t.Errorf("beacon %d of run %s was kept and did not arrive", n, run)
			}
		}
	}
	return len(all)
}

func TestKilledAtARandomInstant(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	runs := kills(t, 1000)
	kept := map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan string)
	for range 4 {
		workers.Go(func() {
			for run := range next {
				cmd := p.command("run", s.URL+"/run", run, "0")
				var out bytes.Buffer
				cmd.Stdout = &out
				cmd.Run()
				if cmd.ProcessState.ExitCode() == 3 {
					t.Errorf("run %s: a beacon was refused", run)
				}
				mu.Lock()
				kept[run] = out.Len()
				mu.Unlock()
			}
		})
	}
	for run := range runs {
		next <- strconv.Itoa(run)
	}
	close(next)
	workers.Wait()
	status := p.settled()
	rows := s.arrived(kept)
	total := 0
	for _, n := range kept {
		total += n
	}
	t.Logf("%d runs, %d beacons known to be kept, %d rows, %+v", runs, total, rows, status)
	if total < runs || status.Dead != 0 || int64(rows) != status.Delivered {
		t.Errorf("%d beacons in %d runs, %d rows, %+v", total, runs, rows, status)
	}
}

// deliverers are the processes that deliver the outbox, as the system's list of processes
// knows them. A process that is gone and not yet waited for has no environment.
func deliverers(outbox string) (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(append([]byte{0}, env...), []byte("\x00BEACON_DELIVERER=3 deliverer "+outbox+"\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		pids = append(pids, pid)
	}
	return pids
}

func TestManyProcessesAndADelivererThatIsKilledAllTheTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs /proc, to find the deliverer")
	}
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	const processes, each = 200, 50
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	killed, most := 0, 0
	watcher.Go(func() {
		for next := time.Now().Add(100 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			pids := deliverers(p.outbox)
			most = max(most, len(pids))
			if now := time.Now(); !now.Before(next) {
				next = now.Add(100 * time.Millisecond)
				for _, pid := range pids {
					syscall.Kill(pid, syscall.SIGKILL)
					killed++
				}
			}
		}
	})
	kept := map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan string)
	for range 20 {
		workers.Go(func() {
			for run := range next {
				cmd := p.command("run", s.URL+"/run", run, strconv.Itoa(each))
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				if err != nil || len(out) != each {
					t.Errorf("run %s: %d kept, %v", run, len(out), err)
				}
				mu.Lock()
				kept[run] = len(out)
				mu.Unlock()
			}
		})
	}
	for run := range processes {
		next <- strconv.Itoa(run)
	}
	close(next)
	workers.Wait()
	close(stop)
	watcher.Wait()
	status := p.settled()
	rows := s.arrived(kept)
	t.Logf("%d deliverers killed, at most %d at an instant; %d rows, %+v", killed, most, rows, status)
	if rows != processes*each || status.Accepted != processes*each || most > 1 || killed == 0 {
		t.Errorf("%d rows, %d deliverers at an instant, %d killed, %+v", rows, most, killed, status)
	}
}

// TestKilledBetweenTheAnswerAndTheLedger stops the deliverer, lets the server answer, and
// kills the deliverer before it can have read that.
func TestKilledBetweenTheAnswerAndTheLedger(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs /proc, to find the deliverer")
	}
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	var answers, requests int
	proxy := inBetween(t, s, func() string {
		requests++
		if requests > 1 {
			return ""
		}
		pids := deliverers(p.outbox)
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGSTOP)
		}
		answers += len(pids)
		go func() {
			for _, pid := range pids {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}()
		return ""
	})
	if out, err := p.command("run", proxy+"/run", "1", "1").Output(); err != nil || len(out) != 1 {
		t.Fatal(err)
	}
	s.waitRows(1, "select id from beacons")
	for deadline := time.Now().Add(10 * time.Second); len(deliverers(p.outbox)) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the deliverer still lives")
		}
	}
	before, err := beacon.ReadStatus(p.outbox)
	if err != nil || before.Pending != 1 || answers != 1 {
		t.Fatalf("%+v %v, %d stopped", before, err, answers)
	}
	if after := p.settled(); after.Delivered != 1 || requests != 2 {
		t.Errorf("%+v after %d requests", after, requests)
	}
	if n := s.arrived(map[string]int{"1": 1}); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestWhatServersDo(t *testing.T) {
	answer := func(head string) func(int) string {
		return func(n int) string {
			if n > 2 {
				return "" // pass the collector's own
			}
			return "HTTP/1.1 " + head + "\r\nContent-Length: 0\r\n\r\n"
		}
	}
	for name, c := range map[string]struct {
		instead func(n int) string
	}{
		"500, twice, and yet it was stored":             {answer("500 Internal Server Error")},
		"429 with Retry-After":                          {answer("429 Too Many Requests\r\nRetry-After: 1")},
		"stores it and resets the connection":           {func(n int) string { return map[bool]string{true: "reset", false: ""}[n <= 2] }},
		"stores it and answers what is no HTTP":         {func(n int) string { return map[bool]string{true: "garbage\r\n\r\n", false: ""}[n <= 2] }},
		"stores it and hangs up in the answer's middle": {func(n int) string { return map[bool]string{true: "HTTP/1.1 20", false: ""}[n <= 2] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := p.serve("127.0.0.1:0")
			requests := 0
			var mu sync.Mutex
			proxy := inBetween(t, s, func() string {
				mu.Lock()
				defer mu.Unlock()
				requests++
				return c.instead(requests)
			})
			if out, err := p.command("run", proxy+"/run", "1", "1").Output(); err != nil || len(out) != 1 {
				t.Fatal(err)
			}
			status := p.settled()
			rows := s.arrived(map[string]int{"1": 1})
			mu.Lock()
			defer mu.Unlock()
			if rows != 1 || status.Delivered != 1 || status.Accepted != 1 || requests != 3 {
				t.Errorf("%d rows after %d requests, %+v", rows, requests, status)
			}
		})
	}
}

func TestADeadServer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this needs /proc, to find the deliverer")
	}
	const waiting = 100_000
	p := newPlace(t)
	address := freeAddress(t)
	cmd := p.command("fill", "http://"+address+"/run", "1", strconv.Itoa(waiting))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pids := deliverers(p.outbox)
	if len(pids) != 1 {
		t.Fatalf("deliverers: %v", pids)
	}
	// The role "fill" sets the deliverer's patience to five seconds.
	peak := 0
	for deadline := time.Now().Add(30 * time.Second); len(deliverers(p.outbox)) > 0; time.Sleep(20 * time.Millisecond) {
		peak = max(peak, memoryOf(pids[0], "RssAnon")) // without the program's own file
		if time.Now().After(deadline) {
			t.Fatal("the deliverer does not end")
		}
	}
	before, err := beacon.ReadStatus(p.outbox)
	if err != nil || before.Pending != waiting || before.Accepted != waiting {
		t.Errorf("%+v %v", before, err)
	}
	t.Logf("the deliverer's memory was %d MiB at its peak", peak>>20)
	if peak > 64<<20 && !raceDetector {
		t.Errorf("%d MiB", peak>>20)
	}
	s := p.serve(address)
	if _, errs, status := p.beacon("outbox", "flush", "--timeout", "5m"); status != 0 {
		t.Fatal(errs)
	}
	if rows := s.query("select count(*) as n, count(distinct id) as ids from beacons"); rows[0]["n"] != float64(waiting) || rows[0]["ids"] != float64(waiting) {
		t.Errorf("%v", rows)
	}
	if after := p.settled(); after.Delivered != waiting {
		t.Errorf("%+v", after)
	}
}

// memoryOf is what a process has resident, VmRSS, of its own, RssAnon, or had at the most, VmHWM, in
// bytes.
func memoryOf(pid int, what string) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, what+":"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib << 10
		}
	}
	return 0
}

// TestTheCallerIsNotHeldUp runs the program as shells do, while the server doesn't answer.
func TestTheCallerIsNotHeldUp(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	slow, release := untilReleased(t, s)
	for i, script := range []string{
		`out=$("$0" "$1" "$2" 1); echo "[$out]"`,
		`"$0" "$1" "$2" 1 | cat`,
		`exec 9>"$PWD/nine"; "$0" "$1" "$2" 1 9>&9 | cat`,
		`mkdir gone && cd gone && "$0" "$1" "$2" 1 && cd .. && rmdir gone`,
	} {
		dir := t.TempDir()
		cmd := exec.Command("sh", "-c", script, os.Args[0], slow+"/run", fmt.Sprintf("secret-%d", i))
		cmd.Dir = dir
		cmd.Env = p.command("run").Env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
	if runtime.GOOS == "linux" {
		for _, pid := range deliverers(p.outbox) {
			for _, name := range []string{"cmdline", "environ"} {
				if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)); bytes.Contains(text, []byte("secret-")) || bytes.Contains(text, []byte(`"run"`)) {
					t.Errorf("the payload is in the deliverer's %s: %q", name, text)
				}
			}
			if dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); dir != "/" {
				t.Errorf("the deliverer sits in %s", dir)
			}
		}
	}
	release()
	p.settled()
	if n := s.arrived(map[string]int{"secret-0": 1, "secret-1": 1, "secret-2": 1, "secret-3": 1}); n != 4 {
		t.Errorf("%d rows", n)
	}
}
