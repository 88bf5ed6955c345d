//go:build unix

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/kafkatest"
)

// TestScale_EverythingIsKilled_EachAcceptedBeaconIsOneRow runs Kafka, two collectors and two tables under load, and kills
// them at random. BEACON_SCALE is how many seconds, with three brokers; otherwise it takes a few, with one.
func TestScale_EverythingIsKilled_EachAcceptedBeaconIsOneRow(t *testing.T) {
	if testing.Short() {
		t.Skip("the test starts Kafka")
	}
	brokers, replicas, long := 1, 1, 8*time.Second
	if seconds, err := strconv.Atoi(os.Getenv("BEACON_SCALE")); err == nil && seconds > 0 {
		brokers, replicas, long = 3, 3, time.Duration(seconds)*time.Second
	}
	kafka := kafkatest.Start(t, brokers)
	addresses := kafka.Addresses(kafkatest.Plain)
	out, err := kafka.Tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", addresses[0], "--create", "--topic", "beacons", "--partitions", "8",
		"--replication-factor", strconv.Itoa(replicas), "--config", "max.message.bytes=2000000", "--config", "min.insync.replicas="+strconv.Itoa(max(1, replicas-1)))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log := "kafka://" + strings.Join(addresses, ",") + "/beacons"

	var urls []string
	var processes []func() (kill, start func())
	var readers []*server
	for range 2 {
		collector, table := newPlace(t), newPlace(t)
		at := freeAddress(t)
		s := collector.serve(at, "--log", log)
		urls = append(urls, s.URL)
		processes = append(processes, func() (func(), func()) {
			return func() { s.kill() }, func() { s = collector.serve(at, "--log", log) }
		})
		readers = append(readers, table.tableOf(log, "127.0.0.1:0"))
		i := len(readers) - 1
		processes = append(processes, func() (func(), func()) {
			return func() { readers[i].kill() }, func() { readers[i] = table.tableOf(log, "127.0.0.1:0") }
		})
	}
	c := newCrowd(urls...)
	var broker sync.WaitGroup
	killed, brokersKilled := 0, 0
	for end := time.Now().Add(long); time.Now().Before(end); killed++ {
		time.Sleep(rand.N(2 * time.Second))
		if rand.IntN(5) == 0 { // one broker at a time, so that two of three stay
			broker.Wait()
			i := rand.IntN(brokers)
			kafka.Kill(i)
			brokersKilled++
			broker.Go(func() {
				time.Sleep(rand.N(5 * time.Second))
				kafka.Restart(i)
			})
			continue
		}
		kill, start := processes[rand.IntN(len(processes))]()
		kill()
		start()
	}
	broker.Wait()
	t.Logf("%d beacons were accepted; %d processes were killed, and %d brokers", c.end(), killed-brokersKilled, brokersKilled)
	for _, s := range readers {
		c.inTable(t, s)
	}
}
