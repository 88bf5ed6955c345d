package main

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/loadtest"
	"github.com/seed-d051cf5a/beacon/test/kafkatest"
)

// scaleLog starts three brokers with the topic beacons.
func scaleLog(b *testing.B) (*kafkatest.Cluster, string) {
	b.Helper()
	kafka := kafkatest.Start(b, 3)
	addresses := kafka.Addresses(kafkatest.Plain)
	out, err := kafka.Tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", addresses[0], "--create", "--topic", "beacons", "--partitions", "8",
		"--replication-factor", "3", "--config", "max.message.bytes=2000000", "--config", "min.insync.replicas=2")
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return kafka, "kafka://" + strings.Join(addresses, ",") + "/beacons"
}

const scaleRate = 5000 // beacons a second

// percentile returns the time that so many of a hundred are below, of sorted times.
func percentile(took []time.Duration, n int) float64 {
	return float64(took[len(took)*n/100].Microseconds()) / 1000
}

// BenchmarkScaleAckInbox posts to a collector that copies to three brokers, while they run and after all are killed, and
// compares the 99th percentiles of the answers. Then it measures the CPU time of the collector and of a table a beacon.
func BenchmarkScaleAckInbox(b *testing.B) {
	kafka, log := scaleLog(b)
	s := newPlace(b).serve("127.0.0.1:0", "--log", log)
	r := newPlace(b).tableOf(log, "127.0.0.1:0")
	load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), benchConnections)
	load.PostAt(scaleRate, benchSeconds(10)/2)
	collector, table, posted := s.metric("process_cpu_seconds_total"), r.metric("process_cpu_seconds_total"), s.metric("beacon_accepted_total")
	up := load.PostAt(scaleRate, benchSeconds(10))
	eventually(b, "the table has read all", func() bool { return r.metric("beacon_log_read_total") >= s.metric("beacon_accepted_total") })
	n := s.metric("beacon_accepted_total") - posted
	b.ReportMetric(1e6*(s.metric("process_cpu_seconds_total")-collector)/n, "collector-cpu-µs/beacon")
	b.ReportMetric(1e6*(r.metric("process_cpu_seconds_total")-table)/n, "table-cpu-µs/beacon")
	for i := range 3 {
		kafka.Kill(i)
	}
	down := load.PostAt(scaleRate, benchSeconds(10))
	b.ReportMetric(percentile(up, 99), "p99-up-ms")
	b.ReportMetric(percentile(down, 99)/percentile(up, 99), "p99-down/up")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkScaleAckLog posts to a collector whose answers wait for three brokers, and kills one of them in the middle of a
// second time. "failover" is the longest time that an answer took then.
func BenchmarkScaleAckLog(b *testing.B) {
	kafka, log := scaleLog(b)
	s := newPlace(b).serve("127.0.0.1:0", "--log", log, "--ack", "log")
	load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), benchConnections)
	load.PostAt(scaleRate, benchSeconds(10)/2)
	took := load.PostAt(scaleRate, benchSeconds(10))
	b.ReportMetric(percentile(took, 50), "p50-ms")
	b.ReportMetric(percentile(took, 99), "p99-ms")
	killed := make(chan struct{})
	time.AfterFunc(5*time.Second, func() {
		kafka.Kill(0)
		close(killed)
	})
	took = load.PostAt(scaleRate/10, 25*time.Second)
	<-killed
	b.ReportMetric(took[len(took)-1].Seconds(), "failover-s")
	b.ReportMetric(0, "ns/op")
}
