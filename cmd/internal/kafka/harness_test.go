package kafka

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
	"github.com/seed-d051cf5a/beacon/internal/spool"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

const testTopic = "beacons"

// A harness is an inbox, a cluster of fake brokers with the topic, and a Shipper between them.
type harness struct {
	testing.TB
	dir     string
	in      *spool.Inbox
	cluster *kfake.Cluster
	options ShipOptions
	shipper *Shipper
	logged  *proctest.Buffer
	sent    map[uuid.UUID][]byte // the records of the inbox
	order   []uuid.UUID
}

// newHarness starts three brokers. The topic has 4 partitions unless an option seeds it.
func newHarness(t testing.TB, opts ...kfake.Opt) *harness {
	t.Helper()
	h := &harness{TB: t, dir: t.TempDir(), logged: &proctest.Buffer{}, sent: map[uuid.UUID][]byte{}}
	var err error
	if h.in, err = spool.OpenInbox(filepath.Join(h.dir, "inbox")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.in.Close() })
	h.cluster, err = kfake.NewCluster(append([]kfake.Opt{kfake.SeedTopics(4, testTopic)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.cluster.Close)
	h.options = ShipOptions{
		Options: Options{Brokers: h.cluster.ListenAddrs(), Topic: testTopic, Log: slog.New(slog.NewTextHandler(h.logged, nil))},
		Dir:     h.dir, Collector: "test",
	}
	return h
}

// ship starts the Shipper.
func (h *harness) ship() {
	h.Helper()
	var err error
	if h.shipper, err = Ship(h.in, h.options); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(h.crash)
}

// crash ends the Shipper without what Close does. The cursor stays as it was saved.
func (h *harness) crash() {
	h.shipper.cancel()
	<-h.shipper.ended
}

// record returns an encoded record whose body has so many bytes.
func (h *harness) record(id uuid.UUID, body []byte) []byte {
	h.Helper()
	r := warc.Record{ID: id, Date: time.Now(), Target: "http://localhost/track?q", Extra: warc.Fields{{Name: "Beacon-Test", Value: "yes"}},
		Request: warc.Request{Method: "POST", Target: "/track?q", Proto: "HTTP/1.1", Body: body,
			Header: warc.Fields{{Name: "Host", Value: "localhost"}, {Name: "User-Agent", Value: "Mozilla/5.0"}, {Name: "Content-Type", Value: "application/json"}}}}
	b, err := r.Append(nil)
	if err != nil {
		h.Fatal(err)
	}
	return b
}

// put appends records with bodies to the inbox.
func (h *harness) put(bodies ...[]byte) {
	h.Helper()
	var all []byte
	for _, body := range bodies {
		id := uuid.Must(uuid.NewV7())
		b := h.record(id, body)
		h.sent[id], h.order = b, append(h.order, id)
		if len(all)+len(b) > 1<<20 && len(all) > 0 {
			h.append(all)
			all = nil
		}
		all = append(all, b...)
	}
	h.append(all)
}

func (h *harness) append(b []byte) {
	h.Helper()
	if err := h.in.Append(b); err != nil {
		h.Fatal(err)
	}
}

// numbered returns n small bodies.
func numbered(n int) [][]byte {
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, bytes.Repeat([]byte("x"), i%200))
	}
	return bodies
}

// random returns a body that can't be compressed.
func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}

// end returns the inbox's end.
func (h *harness) end() spool.Cursor {
	h.Helper()
	end, err := h.in.End()
	if err != nil {
		h.Fatal(err)
	}
	return end
}

// await waits until all of the inbox is acknowledged.
func (h *harness) await() {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := h.shipper.Wait(ctx, h.end()); err != nil {
		h.Fatalf("the log has not acknowledged all: %v; stats %+v; log:\n%s", err, h.shipper.Stats(), h.logged)
	}
}

// fetch returns all records of the topic, by partition.
func (h *harness) fetch() map[int32][]*kgo.Record {
	h.Helper()
	return fetchAll(h, h.options.Options)
}

func fetchAll(t testing.TB, o Options) map[int32][]*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cl, err := o.client(kgo.ConsumeTopics(o.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, o.Topic)
	if err != nil {
		t.Fatal(err)
	}
	left := int64(0)
	ends.Each(func(l kadm.ListedOffset) { left += l.Offset })
	all := map[int32][]*kgo.Record{}
	for left > 0 {
		f := cl.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		f.EachRecord(func(r *kgo.Record) {
			all[r.Partition] = append(all[r.Partition], r)
			left--
		})
	}
	return all
}

// expectOnce checks that the topic has each record of the inbox once, as it is in the inbox, and in its order
// if ordered.
func (h *harness) expectOnce(ordered bool, except ...uuid.UUID) {
	h.Helper()
	place := map[uuid.UUID]int{}
	for i, id := range h.order {
		place[id] = i
	}
	seen := map[uuid.UUID]int{}
	for p, records := range h.fetch() {
		last := -1
		for _, r := range records {
			id := uuid.UUID(r.Key)
			seen[id]++
			if !bytes.Equal(r.Value, h.sent[id]) {
				h.Errorf("%v has %d bytes in the topic, want the %d of the inbox", id, len(r.Value), len(h.sent[id]))
			}
			if ordered && place[id] < last {
				h.Errorf("partition %d: record %d comes after %d", p, place[id], last)
			}
			last = place[id]
		}
	}
	for _, id := range except {
		if seen[id] != 0 {
			h.Errorf("%v is %d times in the topic, want 0", id, seen[id])
		}
		seen[id]++
	}
	twice, missing := 0, 0
	for id := range h.sent {
		switch n := seen[id]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	if twice > 0 || missing > 0 || len(seen) != len(h.sent) {
		h.Errorf("of %d records %d are missing and %d are there more than once; %d ids are in the topic; log:\n%s", len(h.sent), missing, twice, len(seen), h.logged)
	}
}

// idOf returns the id of a number.
func idOf(n int) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// set changes a setting of the topic.
func (h *harness) set(name, value string) {
	h.Helper()
	resp, err := h.admin().AlterTopicConfigs(h.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, h.options.Topic)
	if err == nil {
		_, err = resp.On(h.options.Topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		h.Fatal(err)
	}
}
