package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/internal/warc"
	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

// testAge is the age of batches in tests.
const testAge = 50 * time.Millisecond

// A harness is a topic of fake brokers, and ClickHouse's engine with the database db.
type harness struct {
	testing.TB
	*clickhousetest.Engine
	log      kafka.Options
	producer *kgo.Client
	logged   *proctest.Buffer
	cluster  *kfake.Cluster
}

// newHarness starts both. The topic has so many partitions.
func newHarness(t testing.TB, partitions int32) *harness {
	t.Helper()
	h := &harness{TB: t, Engine: clickhousetest.Start(t, ""), logged: &proctest.Buffer{}}
	h.Query("CREATE DATABASE db")
	var err error
	if h.cluster, err = kfake.NewCluster(kfake.SeedTopics(partitions, "beacons"), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "20000000"})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.cluster.Close)
	h.log = kafka.Options{Brokers: h.cluster.ListenAddrs(), Topic: "beacons"}
	h.producer, err = kgo.NewClient(kgo.SeedBrokers(h.log.Brokers...), kgo.DefaultProduceTopic("beacons"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(16<<20), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.producer.Close)
	return h
}

// options returns the options of a sink into db.
func (h *harness) options() Options {
	return Options{Log: h.log, Target: Target{Host: h.Address, Database: "db", View: "beacons"}, Logger: slog.New(slog.NewTextHandler(h.logged, nil))}
}

// A running is a sink that runs.
type running struct {
	*Sink
	h      *harness
	cancel context.CancelFunc
	ended  chan error
}

// start starts a sink. change may change its options.
func (h *harness) start(change ...func(*Options)) *running {
	h.Helper()
	o := h.options()
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		h.Fatal(err)
	}
	s.age = testAge
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Sink: s, h: h, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Run(ctx) }()
	h.Cleanup(cancel)
	return r
}

// stop ends the sink as a signal does.
func (r *running) stop() {
	r.h.Helper()
	r.cancel()
	if err := <-r.ended; !errors.Is(err, context.Canceled) {
		r.h.Errorf("Run returned %v", err)
	}
}

// crash ends the sink without another request to ClickHouse.
func (r *running) crash() {
	r.h.Helper()
	r.h.Intercept(clickhousetest.Away)
	r.stop()
	r.h.Intercept(nil)
}

// await waits until the sink has written n records in all.
func (r *running) await(n int64) {
	r.h.Helper()
	proctest.Eventually(r.h, func() error {
		if st := r.Stats(); st.Records < n {
			return fmt.Errorf("%d of %d records are written; stats %+v; log:\n%s", st.Records, n, st, r.h.logged)
		}
		return nil
	})
}

// awaitStarted waits until the tables are there and the topic is read.
func (r *running) awaitStarted() {
	r.h.Helper()
	proctest.Eventually(r.h, func() error {
		if st := r.Stats(); !st.Started {
			return fmt.Errorf("the sink has not started; stats %+v; log:\n%s", st, r.h.logged)
		}
		return nil
	})
}

// awaitLog waits until the log has a text.
func (h *harness) awaitLog(text string) {
	h.Helper()
	proctest.Eventually(h, func() error {
		if !strings.Contains(h.logged.String(), text) {
			return fmt.Errorf("the log has no %q:\n%s", text, h.logged)
		}
		return nil
	})
}

// A beacon is a record of the topic.
type beacon struct {
	id     uuid.UUID
	at     time.Time
	body   string
	key    string // Idempotency-Key
	stream string
	batch  bool
}

// produce writes beacons to a partition. Missing values get one each.
func (h *harness) produce(partition int32, beacons ...beacon) (ids []uuid.UUID) {
	h.Helper()
	var records []*kgo.Record
	for _, b := range beacons {
		if b.id == uuid.Nil {
			b.id = uuid.Must(uuid.NewV7())
		}
		if b.at.IsZero() {
			b.at = time.Now()
		}
		if b.stream == "" {
			b.stream = "/events"
		}
		value := encode(h, b)
		ids = append(ids, b.id)
		records = append(records, &kgo.Record{Partition: partition, Key: b.id[:], Value: value, Timestamp: b.at, Headers: []kgo.RecordHeader{
			{Key: "content-type", Value: []byte("application/warc")}, {Key: "beacon-stream", Value: []byte(b.stream)}, {Key: "beacon-schema", Value: []byte("1")}}})
	}
	proctest.Eventually(h, func() error { // the producer has to see a new partition first
		err := h.producer.ProduceSync(context.Background(), records...).FirstErr()
		if err != nil && strings.Contains(err.Error(), "invalid record partitioning") {
			h.producer.ForceMetadataRefresh()
			return err
		}
		if err != nil {
			h.Fatal(err)
		}
		return nil
	})
	return ids
}

// encode returns the record of a beacon.
func encode(t testing.TB, b beacon) []byte {
	t.Helper()
	r := warc.Record{ID: b.id, Date: b.at, Target: "http://localhost" + b.stream, Request: warc.Request{Method: "POST", Target: b.stream, Proto: "HTTP/1.1", Body: []byte(b.body),
		Header: warc.Fields{{Name: "Host", Value: "localhost"}, {Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, {Name: "Content-Type", Value: "application/json"}}}}
	if b.key != "" {
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "Idempotency-Key", Value: b.key})
	}
	if b.batch {
		r.Extra = warc.Fields{{Name: "Beacon-Batch", Value: "yes"}}
	}
	value, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// numbered returns n beacons with numbers from first on.
func numbered(first, n int) []beacon {
	all := make([]beacon, n)
	for i := range all {
		all[i].body = fmt.Sprintf(`{"number":%d}`, first+i)
	}
	return all
}

// awaitRows waits until the view of a database has n rows.
func (h *harness) awaitRows(database string, n int) {
	h.Helper()
	proctest.Eventually(h, func() error {
		if have := h.Number("SELECT count() FROM " + database + ".beacons"); have != n {
			return fmt.Errorf("%s.beacons has %d rows, want %d; log:\n%s", database, have, n, h.logged)
		}
		return nil
	})
}

// expect checks how many rows the view has, with as many ids, and how many the raw table.
func (h *harness) expect(view, raw int) {
	h.Helper()
	row := h.Query("SELECT count(), uniqExact(id) FROM db.beacons")[0]
	if want := fmt.Sprint(view); row[0] != want || row[1] != want {
		h.Errorf("the view has %s rows with %s ids, want %d of both; log:\n%s", row[0], row[1], view, h.logged)
	}
	if n := h.Number("SELECT count() FROM db.beacons_raw"); n != raw {
		h.Errorf("the raw table has %d rows, want %d; log:\n%s", n, raw, h.logged)
	}
}

// addPartitions gives the topic so many partitions.
func (h *harness) addPartitions(n int) {
	h.Helper()
	if _, err := kadm.NewClient(h.producer).UpdatePartitions(h.Context(), n, "beacons"); err != nil {
		h.Fatal(err)
	}
}
