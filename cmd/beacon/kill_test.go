//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// kills is how often a test kills its processes.
func kills(t *testing.T, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv("BEACON_KILLS"))
	if err != nil || n <= 0 {
		return otherwise
	}
	return n
}

// An operator uses a collector's table all the time: it asks, flushes, merges and imports. Requests
// fail while the collector is down.
type operator struct {
	p       *place
	url     string
	bearer  string
	stop    chan struct{}
	ended   sync.WaitGroup
	file    string // a WARC file with records of many days
	records int
	asked   int
	merged  int
}

func startOperator(t *testing.T, p *place, address string) *operator {
	o := &operator{p: p, url: "http://" + address, bearer: "Bearer " + p.token(), stop: make(chan struct{}), records: 300}
	o.file = filepath.Join(t.TempDir(), "days.warc")
	if err := os.WriteFile(o.file, []byte(manyDays(o.records)), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	get := func(method, path string) bool {
		req, _ := http.NewRequest(method, o.url+path, nil)
		req.Header.Set("Authorization", o.bearer)
		res, err := client.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	o.ended.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-o.stop:
				return
			case <-time.After(rand.N(20 * time.Millisecond)):
			}
			switch n % 6 {
			case 0, 1:
				get("GET", "/-/table/files")
			case 2:
				if get("POST", "/-/table/compact") {
					o.merged++
				}
			case 3:
				o.importDays(client)
			default:
				if get("GET", "/-/query?sql=select+count(distinct+stream)+from+beacons") {
					o.asked++
				}
			}
		}
	})
	return o
}

func (o *operator) importDays(client *http.Client) {
	f, err := os.Open(o.file)
	if err != nil {
		return
	}
	defer f.Close()
	req, _ := http.NewRequest("POST", o.url+"/-/import", f)
	req.Header.Set("Authorization", o.bearer)
	if res, err := client.Do(req); err == nil {
		res.Body.Close()
	}
}

// manyDays are records of as many hours of the last days, so that an import has rows of many days.
func manyDays(n int) string {
	var b strings.Builder
	for i := range n {
		block := fmt.Sprintf("POST /imported HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n{\"n\":%d}", i)
		fmt.Fprintf(&b, "WARC/1.1\r\nWARC-Type: request\r\nWARC-Record-ID: <urn:uuid:%s>\r\nWARC-Date: %s\r\nWARC-Target-URI: http://x/imported\r\n"+
			"Content-Type: application/http;msgtype=request\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n",
			uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%d", i)), time.Now().Add(-time.Duration(i)*time.Hour).UTC().Format(time.RFC3339), len(block), block)
	}
	return b.String()
}

// arrived ends the operator, and looks for each imported record in the table, once.
func (o *operator) arrived(t *testing.T, s *server) {
	t.Helper()
	close(o.stop)
	o.ended.Wait()
	for range 2 {
		if _, errs, status := s.p.beacon("import", "--server", s.URL, o.file); status != 0 {
			t.Fatal(errs)
		}
	}
	rows := s.query("select count(*) as n, count(distinct id) as ids, count(distinct received_at::date) as days from beacons where stream='/imported'")
	if got, want := fmt.Sprint(rows[0]["n"], rows[0]["ids"]), fmt.Sprint(o.records, o.records); got != want {
		t.Errorf("imported rows and ids: %s, want %s", got, want)
	}
	t.Logf("%d queries and %d merges were answered; imported rows: %v", o.asked, o.merged, rows[0])
}

// queryProcesses are the processes that a collector has started.
func (s *server) queryProcesses() (pids []int) {
	out, _ := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(s.cmd.Process.Pid)).Output()
	for _, f := range strings.Fields(string(out)) {
		pid, _ := strconv.Atoi(f)
		pids = append(pids, pid)
	}
	return pids
}

func (s *server) killQueries() {
	for _, pid := range s.queryProcesses() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestServe_ProcessesKilledUnderLoad_EachAcknowledgedBeaconIsOneRow kills the collector, its query
// processes, or both, time after time.
func TestServe_ProcessesKilledUnderLoad_EachAcknowledgedBeaconIsOneRow(t *testing.T) {
	p := newPlace(t)
	address := freeAddress(t)
	s := p.serve(address)
	l := startLoad(t, address)
	o := startOperator(t, p, address)
	for n := range kills(t, 20) {
		time.Sleep(rand.N(300 * time.Millisecond))
		if n%3 != 0 {
			s.killQueries()
		}
		if n%3 != 1 {
			s.kill()
			s = p.serve(address)
		}
	}
	time.Sleep(100 * time.Millisecond)
	l.arrived(t, s)
	o.arrived(t, s)
	s.stop()
}
