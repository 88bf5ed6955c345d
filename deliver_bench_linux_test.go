package beacon_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

func init() { programs["post"] = post }

var event = []byte(`{"x":"` + strings.Repeat("x", 504) + `"}`)

const postConnections = 8 // as many as a deliverer has to an origin

// post is a bare client: it posts as many events as the environment says.
func post(url string) {
	n, _ := strconv.ParseInt(os.Getenv("BEACON_TEST_NUMBER"), 10, 64)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: postConnections}}
	var left atomic.Int64
	left.Store(n)
	var all sync.WaitGroup
	for range postConnections {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				res, err := client.Post(url, "application/json", bytes.NewReader(event))
				if err != nil {
					os.Exit(3)
				}
				res.Body.Close()
			}
		})
	}
	all.Wait()
	os.Exit(0)
}

// A counter is a server that discards beacons.
type counter struct {
	*httptest.Server
	taken atomic.Int64
}

func newCounter(b *testing.B) *counter {
	c := new(counter)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		c.taken.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(c.Close)
	return c
}

// until waits until the server has taken n beacons.
func (c *counter) until(b *testing.B, n int) {
	for end := time.Now().Add(time.Minute); c.taken.Load() < int64(n); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			b.Fatalf("%d of %d arrived", c.taken.Load(), n)
		}
	}
}

// BenchmarkDeliverAgainstClient has a detached deliverer deliver the beacons of an outbox, and a bare client
// of net/http in a process of its own post as many events, by turns, each from the start of its process. The
// server discards them.
func BenchmarkDeliverAgainstClient(b *testing.B) {
	c := newCounter(b)
	const rounds = 4
	n := max(b.N/rounds, 1)
	var delivering, posting time.Duration
	for range rounds {
		outbox := newOutbox(b)
		fill(b, outbox, c.URL, n)
		c.taken.Store(0)
		began := time.Now()
		if out, err := command(outbox, c.URL, "silent").CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		c.until(b, n)
		delivering += time.Since(began)

		c.taken.Store(0)
		bare := command(outbox, c.URL, "post")
		bare.Env = append(bare.Env, fmt.Sprintf("BEACON_TEST_NUMBER=%d", n))
		began = time.Now()
		if out, err := bare.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		posting += time.Since(began)
	}
	rate := func(d time.Duration) float64 { return float64(rounds*n) / d.Seconds() }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(delivering), "delivered/s")
	b.ReportMetric(rate(posting), "posted/s")
	b.ReportMetric(rate(delivering)/rate(posting), "delivered/posted")
}

// fill sends beacons that no deliverer takes yet.
func fill(b *testing.B, outbox, url string, n int) {
	box, err := spool.OpenOutbox(outbox)
	if err != nil {
		b.Fatal(err)
	}
	defer box.Close()
	lock, err := box.TryLock()
	if err != nil || lock == nil {
		b.Fatal("no lock", err)
	}
	defer lock.Close()
	nav := beacon.Navigator{Config: &beacon.Config{Outbox: outbox, Capacity: 1 << 40}}
	data := beacon.Blob{Data: event, Type: "application/json"}
	for range n {
		if ok, err := nav.SendBeacon(url, data); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
