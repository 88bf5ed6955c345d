package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

var errEnough = errors.New("enough")

// follow runs a Follower until it has handed over n records, and returns those.
func (h *harness) follow(f *Follower, n int) (all []Record) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	err := f.Run(ctx, func(_ context.Context, rs []Record) error {
		for i, r := range rs {
			if r.Partition != rs[0].Partition || r.Offset <= rs[max(i-1, 0)].Offset && i > 0 {
				h.Errorf("a batch has partition %d offset %d behind %d %d", r.Partition, r.Offset, rs[0].Partition, rs[max(i-1, 0)].Offset)
			}
		}
		if all = append(all, rs...); len(all) >= n {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		h.Fatalf("Run returned %v after %d of %d records; log:\n%s", err, len(all), n, h.logged)
	}
	return all
}

func (h *harness) follower(partitions []int32, from map[int32]int64) *Follower {
	h.Helper()
	f, err := NewFollower(h.options.Options, partitions, from, "")
	if err != nil {
		h.Fatal(err)
	}
	return f
}

func (h *harness) admin() *kadm.Client {
	h.Helper()
	cl, err := h.options.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func TestFollow_ShippedRecords_ArriveAsTheyAre(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(2000)...)
	h.ship()
	h.await()
	f := h.follower(nil, nil)
	all := h.follow(f, 2000)
	for _, r := range all {
		id := idIn(t, r)
		if !bytes.Equal(r.Value, h.sent[id]) || r.Stream != "/track" || r.Collector != "test" || time.Since(r.Time) > time.Minute {
			t.Fatalf("record %v is %+v", id, r)
		}
		delete(h.sent, id)
	}
	if len(h.sent) > 0 {
		t.Errorf("%d records did not arrive", len(h.sent))
	}
}

// idIn returns the id of a record.
func idIn(t testing.TB, r Record) uuid.UUID {
	t.Helper()
	_, text, _ := strings.Cut(string(r.Value), "urn:uuid:")
	id, err := uuid.Parse(text[:36])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestFollow_Offsets_GoOnThere(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(400)...)
	h.ship()
	h.await()
	from, seen := map[int32]int64{}, 0
	for _, r := range h.follow(h.follower(nil, nil), 400) {
		if r.Offset < 20 {
			from[r.Partition] = r.Next()
			seen++
		}
	}
	for _, r := range h.follow(h.follower(nil, from), 400-seen) {
		if r.Offset < 20 {
			t.Errorf("partition %d offset %d was handed over again", r.Partition, r.Offset)
		}
	}
}

func TestFollow_SomePartitions_OthersAreNotRead(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(400)...)
	h.ship()
	h.await()
	want := h.fetch()
	for _, r := range h.follow(h.follower([]int32{1, 3}, nil), len(want[1])+len(want[3])) {
		if r.Partition != 1 && r.Partition != 3 {
			t.Fatalf("partition %d was read", r.Partition)
		}
	}
	f := h.follower([]int32{1, 9}, nil)
	if err := f.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "topic beacons has no partition 9\nhint: it has 4 of them") {
		t.Errorf("a partition that does not exist: %v", err)
	}
}

func TestFollow_Erasure_ReachesEachPartitionBehindTheBeacons(t *testing.T) {
	h := newHarness(t)
	h.put(numbered(100)...)
	h.ship()
	h.await()
	if err := Erase(t.Context(), h.options.Options, "test", h.order[:2]); err != nil {
		t.Fatal(err)
	}
	erased := map[int32]bool{}
	for _, r := range h.follow(h.follower(nil, nil), 104) {
		switch {
		case r.Erase == nil && erased[r.Partition]:
			t.Errorf("partition %d has a beacon behind the erasure", r.Partition)
		case r.Erase != nil:
			erased[r.Partition] = true
			if !slices.Equal(r.Erase, h.order[:2]) || r.Value != nil {
				t.Errorf("the erasure is %+v, want %v", r, h.order[:2])
			}
		}
	}
	if len(erased) != 4 {
		t.Errorf("%d partitions have the erasure, want 4", len(erased))
	}
}

func TestFollow_ForeignRecords_AreCountedAndSkipped(t *testing.T) {
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	cl, err := h.options.client()
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	valid := func(version, kind string) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: schemaHeader, Value: []byte(version)}, {Key: typeHeader, Value: []byte(kind)}}
	}
	id := idOf(7)
	record := h.record(id, nil)
	erase := append(valid("1", ""), kgo.RecordHeader{Key: eraseHeader, Value: []byte("1")})
	for _, r := range []*kgo.Record{
		{Value: []byte("foreign")},
		{Key: id[:], Value: record, Headers: valid("x", warcType)},
		{Key: id[:], Value: record, Headers: valid("1", "text/plain")},
		{Key: id[:3], Value: record, Headers: valid("1", warcType)},
		{Key: id[:], Value: []byte("WARC"), Headers: valid("1", warcType)},
		{Key: id[:], Headers: valid("1", warcType)},
		{Value: []byte("{"), Headers: erase},
		{Value: []byte(`{"ids":[]}`), Headers: erase},
		{Value: []byte(`{"ids":["x"]}`), Headers: erase},
		{Key: id[:], Value: record, Headers: valid("1", warcType)},
	} {
		r.Topic = testTopic
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f := h.follower(nil, nil)
	if all := h.follow(f, 1); all[0].Offset != 9 {
		t.Errorf("the record at offset %d was handed over, want 9", all[0].Offset)
	}
	if n := f.Stats().Foreign; n != 9 {
		t.Errorf("%d foreign records are counted, want 9; log:\n%s", n, h.logged)
	}
	newer := &kgo.Record{Topic: testTopic, Key: id[:], Value: record, Headers: valid("2", warcType)}
	if err := cl.ProduceSync(t.Context(), newer).FirstErr(); err != nil {
		t.Fatal(err)
	}
	err = h.follower(nil, map[int32]int64{0: 10}).Run(t.Context(), nil)
	if !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "offset 10") {
		t.Errorf("a record of a later version: %v", err)
	}
}

func TestFollow_ConsumerIsSlow_FetchesLittleAhead(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for range 100 {
		h.put(random(900_000))
	}
	h.ship()
	h.await()
	f, most, got := h.follower(nil, nil), int64(0), 0
	err := f.Run(t.Context(), func(_ context.Context, rs []Record) error {
		if got == 0 {
			proctest.Eventually(t, func() error {
				if f.Stats().Fetched == 0 {
					return errors.New("nothing is fetched ahead")
				}
				return nil
			})
		}
		most = max(most, f.Stats().Fetched)
		if got += len(rs); got == len(h.sent) {
			return errEnough
		}
		return nil
	})
	if err != errEnough || most > 32<<20 {
		t.Fatalf("Run returned %v, and %d bytes were fetched ahead, want 32 MiB at most", err, most)
	}
}

func TestFollow_BrokerAwayAtStart_RetriesAndSaysWhy(t *testing.T) {
	h := newHarness(t)
	h.options.Brokers = []string{"127.0.0.1:1"}
	f := h.follower(nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, nil) }()
	proctest.Eventually(t, func() error {
		if st := f.Stats(); st.Connected || !strings.Contains(st.Error, "no Kafka broker answers") || !strings.Contains(h.logged.String(), "topic can't be read") {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

func TestFollow_BrokerError_EachRecordArrives(t *testing.T) {
	for _, fault := range []*kerr.Error{kerr.OffsetOutOfRange, kerr.NotLeaderForPartition, kerr.TopicAuthorizationFailed, kerr.UnknownTopicOrPartition, kerr.UnknownServerError, kerr.FencedLeaderEpoch} {
		t.Run(fault.Message, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.put(numbered(500)...)
			h.ship()
			h.await()
			h.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: testTopic, Err: fault, Count: 5})
			f := h.follower(nil, nil)
			if all := h.follow(f, 500); len(all) != 500 || f.Stats().Missing != 0 {
				t.Errorf("%d records were handed over, want 500; %+v", len(all), f.Stats())
			}
		})
	}
}

func mustClient(t testing.TB, o Options) *kgo.Client {
	t.Helper()
	cl, err := o.client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
