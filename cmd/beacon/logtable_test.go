//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fakeLog starts a Kafka cluster in this process, with the topic beacons, and returns its URL.
func fakeLog(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, string) {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.SeedTopics(4, "beacons")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, "kafka://" + strings.Join(cluster.ListenAddrs(), ",") + "/beacons"
}

// tableOf starts beacon table --from.
func (p *place) tableOf(log, listen string, flags ...string) *server {
	p.t.Helper()
	return p.start("command", append([]string{"table", "--from", log, "--listen", listen, "--data", p.data}, flags...)...)
}

// A crowd posts beacons with numbers, each once, and remembers those that were answered with 204.
type crowd struct {
	mu       sync.Mutex
	next     int
	accepted map[int]bool
	stop     chan struct{}
	ended    sync.WaitGroup
}

func newCrowd(urls ...string) *crowd {
	c := &crowd{accepted: map[int]bool{}, stop: make(chan struct{})}
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for i := range 8 {
		url := urls[i%len(urls)]
		c.ended.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				c.mu.Lock()
				c.next++
				n := c.next
				c.mu.Unlock()
				res, err := client.Post(url+"/events", "application/json", bytes.NewReader(fmt.Appendf(nil, `{"number":%d}`, n)))
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				res.Body.Close()
				if res.StatusCode == http.StatusNoContent {
					c.mu.Lock()
					c.accepted[n] = true
					c.mu.Unlock()
				}
			}
		})
	}
	return c
}

// end stops the crowd and returns how many beacons were accepted.
func (c *crowd) end() int {
	close(c.stop)
	c.ended.Wait()
	return len(c.accepted)
}

// inTable checks that each accepted beacon is one row of the table, and that none is two.
func (c *crowd) inTable(t *testing.T, s *server) {
	t.Helper()
	eventually(t, fmt.Sprintf("the table has %d beacons", len(c.accepted)), func() bool {
		n := int(s.query("select count(distinct data->>'number') as n from beacons")[0]["n"].(float64))
		return n >= len(c.accepted)
	})
	missing := 0
	found := map[int]bool{}
	for _, row := range s.query("select cast(data->>'number' as integer) as number, count(*) as n from beacons group by 1") {
		number, n := int(row["number"].(float64)), int(row["n"].(float64))
		found[number] = true
		if n != 1 {
			t.Errorf("beacon %d has %d rows", number, n)
		}
	}
	for number := range c.accepted {
		if !found[number] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d accepted beacons are not in the table", missing, len(c.accepted))
	}
}

func TestTableOfLog_EverythingIsKilled_EachBeaconIsOneRow(t *testing.T) {
	_, log := fakeLog(t)
	addresses := []string{freeAddress(t), freeAddress(t)}
	collectors := []*place{newPlace(t), newPlace(t)}
	tables := []*place{newPlace(t), newPlace(t)}
	running := make([]*server, 2)
	readers := make([]*server, 2)
	for i := range running {
		running[i] = collectors[i].serve(addresses[i], "--log", log)
		readers[i] = tables[i].tableOf(log, "127.0.0.1:0")
	}
	c := newCrowd(running[0].URL, running[1].URL)
	for range kills(t, 4) {
		time.Sleep(rand.N(700 * time.Millisecond))
		switch i := rand.IntN(2); rand.IntN(2) {
		case 0:
			running[i].kill()
			running[i] = collectors[i].serve(addresses[i], "--log", log)
		default:
			readers[i].kill()
			readers[i] = tables[i].tableOf(log, "127.0.0.1:0")
		}
	}
	t.Logf("%d beacons were accepted", c.end())
	for _, s := range readers {
		c.inTable(t, s)
	}
}
