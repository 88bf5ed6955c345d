package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// An abused collector has an honest client, which posts on while others attack. Its memory stays within
// --memory.
type abused struct {
	*server
	t      *testing.T
	most   int // MiB
	mu     sync.Mutex
	took   []time.Duration // by the honest client's beacons
	posted atomic.Int64
	end    context.CancelFunc
	client sync.WaitGroup
}

// underAttack runs an attack on a collector with the default memory, and on one with half of that.
func underAttack(t *testing.T, attack func(t *testing.T, a *abused)) {
	for _, most := range []int{512, 256} {
		t.Run(fmt.Sprintf("%d MiB", most), func(t *testing.T) {
			a := newAbused(t, most)
			attack(t, a)
			a.done()
		})
	}
}

func newAbused(t *testing.T, most int) *abused {
	a := &abused{server: newPlace(t).serve("127.0.0.1:0", "--memory", fmt.Sprintf("%dMiB", most)), t: t, most: most}
	ctx, end := context.WithCancel(t.Context())
	a.end = end
	a.client.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			// A new connection each time, as an attack could keep out new ones.
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			res, err := client.Post(a.URL+"/honest", "application/json", strings.NewReader(`{"honest":true}`))
			if err != nil || res.StatusCode != 204 {
				t.Errorf("the honest client, after %v: %v %v", time.Since(began), res, err)
				return
			}
			res.Body.Close()
			a.mu.Lock()
			a.took = append(a.took, time.Since(began))
			a.mu.Unlock()
			a.posted.Add(1)
			time.Sleep(2 * time.Millisecond)
		}
	})
	t.Cleanup(a.done)
	return a
}

// done ends the honest client, and checks that its beacons are there.
func (a *abused) done() {
	if a.end == nil {
		return
	}
	a.end()
	a.client.Wait()
	a.end = nil
	posted := int(a.posted.Load())
	if rows := a.waitRows(posted, "select id from beacons where stream='/honest'"); len(rows) != posted {
		a.t.Errorf("%d rows of %d beacons", len(rows), posted)
	}
	slices.Sort(a.took)
	peak := int(memoryOf(a.cmd.Process.Pid, "VmHWM") >> 20)
	a.t.Logf("%d beacons of the honest client: 99th percentile %v, slowest %v; %d MiB at the peak", posted,
		a.took[posted*99/100].Round(time.Millisecond), a.took[posted-1].Round(time.Millisecond), peak)
	if peak > a.most && !raceDetector {
		a.t.Errorf("%d MiB at the peak, over %d", peak, a.most)
	}
}

func (a *abused) dial() net.Conn {
	a.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// goOn waits until the honest client has had so many more beacons answered.
func (a *abused) goOn(n int64) {
	a.t.Helper()
	n += a.posted.Load()
	eventually(a.t, "the honest client is served", func() bool { return a.posted.Load() >= n || a.t.Failed() })
}

func TestServe_IdleConnections_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		idle := 10_000
		var limit syscall.Rlimit
		if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); int(limit.Cur) < idle+1000 {
			idle = int(limit.Cur) - 1000
		}
		for i := range idle {
			conn := a.dial()
			if i%2 == 0 { // the others never say a word
				fmt.Fprintf(conn, "POST /idle HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			}
		}
		a.goOn(50)
		t.Logf("%d connections, %d MiB", idle, memoryOf(a.cmd.Process.Pid, "VmRSS")>>20)
	})
}

func TestServe_SlowHeadersAndBodies_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		var conns []net.Conn
		for i := range 2000 {
			conn := a.dial()
			if i%2 == 0 {
				fmt.Fprintf(conn, "POST /slow HTTP/1.1\r\nHost: x\r\nX-")
			} else {
				fmt.Fprintf(conn, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
			}
			conns = append(conns, conn)
		}
		for range 10 {
			for _, conn := range conns {
				conn.Write([]byte("a"))
			}
			a.goOn(5)
		}
		// A header has ten seconds.
		if _, err := io.ReadAll(conns[0]); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	})
}

func TestServe_LargeUnfinishedHeaders_ServesOthers(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		large := "POST /large HTTP/1.1\r\nHost: x\r\nX-Large: " + strings.Repeat("a", 30_000)
		conns := make([]net.Conn, 4000)
		for i := range conns {
			conns[i] = a.dial()
			io.WriteString(conns[i], large) // some are closed by then
			if i%2 == 0 {
				io.WriteString(conns[i], "\r\nContent-Length: 2\r\n\r\n1")
			}
		}
		a.goOn(10)
		for _, conn := range conns {
			conn.Close()
		}
		// There is room again.
		eventually(t, "a large header is taken", func() bool {
			conn := a.dial()
			defer conn.Close()
			io.WriteString(conn, large+"\r\nContent-Length: 2\r\n\r\n12")
			line, _ := bufio.NewReader(conn).ReadString('\n')
			return strings.Contains(line, "204")
		})
	})
}

func TestServe_CompressedBombs_KeepsThemAsTheyCame(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		for range 900 {
			z.Write(make([]byte, 1<<20))
		}
		z.Close()
		for i := range 20 {
			res, err := http.Post(a.URL+"/bomb", []string{"text/plain", "application/json", ""}[i%3], bytes.NewReader(bomb.Bytes()))
			if err != nil || res.StatusCode != 204 {
				t.Fatal(res, err)
			}
		}
		// Kept as they came, and not inflated.
		a.waitRows(20, fmt.Sprintf("select id from beacons where stream='/bomb' and data is null and error is not null and octet_length(body)=%d", bomb.Len()))
		a.goOn(10)
	})
}

func TestServe_GibibyteInChunks_Answers413(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		chunk := append([]byte("10000\r\n"), append(bytes.Repeat([]byte("x"), 0x10000), "\r\n"...)...)
		var senders sync.WaitGroup
		for range 8 {
			conn := a.dial()
			senders.Go(func() {
				fmt.Fprintf(conn, "POST /huge HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
				written := 0
				for written < 1<<30 {
					n, err := conn.Write(chunk)
					written += n
					if err != nil {
						break
					}
				}
				if written > 16<<20 {
					t.Errorf("%d bytes were taken", written)
				}
				// The answer may be lost where the connection is reset while more comes.
				if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && !strings.Contains(line, "413") {
					t.Errorf("%q", line)
				}
			})
		}
		senders.Wait()
		a.goOn(10)
	})
}

func TestServe_LargeBodies_GoIntoTheTableInBoundedMemory(t *testing.T) {
	const most = defaultMemory >> 20 // MiB
	s := newPlace(t).serve("127.0.0.1:0")
	body := make([]byte, 1<<20)
	source := rand.NewChaCha8([32]byte{})
	for i := range 150 {
		source.Read(body)
		res, err := http.Post(s.URL+"/large", "application/octet-stream", bytes.NewReader(body))
		if err != nil || res.StatusCode != 204 {
			t.Fatal(i, res, err)
		}
		res.Body.Close()
	}
	// Not by a query, which has memory of its own.
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		res, err := http.Get(s.URL + "/-/metrics")
		if err != nil {
			t.Fatal(err)
		}
		metrics, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if bytes.Contains(metrics, []byte("\nbeacon_inbox_lag_bytes 0\n")) {
			break
		}
		if time.Since(began) > 5*time.Minute {
			t.Fatal("the table doesn't catch up")
		}
	}
	if peak := memoryOf(s.cmd.Process.Pid, "VmHWM") >> 20; peak > most && !raceDetector {
		t.Errorf("%d MiB at the peak, over %d", peak, most)
	} else {
		t.Logf("%d MiB at the peak", peak)
	}
	s.waitRows(150, "select id from beacons where octet_length(body) = 1 << 20")
}

func TestServe_FloodsOfHeaders_Answers431(t *testing.T) {
	underAttack(t, func(t *testing.T, a *abused) {
		var senders sync.WaitGroup
		for i := range 50 {
			conn := a.dial()
			senders.Go(func() {
				fmt.Fprintf(conn, "POST /flood HTTP/1.1\r\nHost: x\r\n")
				line := fmt.Sprintf("X-%d: %s\r\n", i, strings.Repeat("y", 1000))
				if i%2 == 0 {
					line = "A:\r\n"
				}
				written := 0
				for written < 64<<20 {
					n, err := io.WriteString(conn, strings.Repeat(line, 100))
					written += n
					if err != nil {
						break
					}
				}
				if written > 16<<20 {
					t.Errorf("%d bytes were taken", written)
				}
				if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil && !strings.Contains(line, "431") {
					t.Errorf("%q", line)
				}
			})
		}
		senders.Wait()
		a.goOn(10)
	})
}
