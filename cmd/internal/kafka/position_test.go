package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFollow_RetentionPassedOffset_GapIsCounted(t *testing.T) {
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	h.put(numbered(100)...)
	h.ship()
	h.await()
	admin := h.admin()
	if _, err := admin.DeleteRecords(t.Context(), kadm.Offsets{testTopic: {0: {Topic: testTopic, At: 60}}}); err != nil {
		t.Fatal(err)
	}
	f := h.follower(nil, map[int32]int64{0: 25})
	if all := h.follow(f, 40); all[0].Offset != 60 {
		t.Errorf("the first record has offset %d, want 60", all[0].Offset)
	}
	if n := f.Stats().Missing; n != 35 || !strings.Contains(h.logged.String(), "expected_offset=25 oldest_offset=60 missing=35") {
		t.Errorf("%d records are counted as missing, want 35; log:\n%s", n, h.logged)
	}
	if f := h.follower(nil, map[int32]int64{0: 5000}); h.follow(f, 40)[0].Offset != 60 || !strings.Contains(h.logged.String(), "end_offset=100") {
		t.Errorf("an offset behind the end; log:\n%s", h.logged)
	}
}

func TestFollow_RetentionPassesWhileReading_GapIsCounted(t *testing.T) {
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	h.put(numbered(10)...)
	h.ship()
	h.await()
	admin, f, got := h.admin(), h.follower(nil, nil), 0
	err := f.Run(t.Context(), func(ctx context.Context, rs []Record) error {
		if got += len(rs); got == 10 {
			// The reader is stopped while records come and go.
			f.setBroken(0)
			h.put(numbered(50)...)
			h.await()
			_, err := admin.DeleteRecords(ctx, kadm.Offsets{testTopic: {0: {Topic: testTopic, At: 40}}})
			return err
		}
		if rs[len(rs)-1].Offset == 59 {
			return errEnough
		}
		return nil
	})
	if n := f.Stats().Missing; err != errEnough || got != 30 || n != 30 {
		t.Errorf("%d records were handed over and %d are missing, want 30 and 30: %v; log:\n%s", got, n, err, h.logged)
	}
}

func TestFollow_TopicMadeAnew_IsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	h.put(numbered(10)...)
	h.ship()
	h.await()
	admin, f, got := h.admin(), h.follower(nil, nil), 0
	err := f.Run(t.Context(), func(ctx context.Context, rs []Record) error {
		if got += len(rs); got == 10 {
			if _, err := admin.DeleteTopic(ctx, testTopic); err != nil {
				return err
			}
			if _, err := admin.CreateTopic(ctx, 1, 1, nil, testTopic); err != nil {
				return err
			}
			h.put(numbered(50)...)
			h.await()
		}
		if got == 60 {
			return errEnough
		}
		return nil
	})
	if err != errEnough || !strings.Contains(h.logged.String(), "topic was made anew") {
		t.Errorf("Run returned %v; log:\n%s", err, h.logged)
	}
}

func TestFollow_NewPartition_IsFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	h.ship()
	h.put(numbered(10)...)
	h.await()
	admin, f := h.admin(), h.follower(nil, nil)
	parts := map[int32]int{}
	err := f.Run(t.Context(), func(ctx context.Context, rs []Record) error {
		if len(parts) == 0 {
			if _, err := admin.CreatePartitions(ctx, 3, testTopic); err != nil {
				return err
			}
			h.crash() // so that the new partitions are known
			h.ship()
			h.put(numbered(100)...)
		}
		parts[rs[0].Partition] += len(rs)
		if len(parts) == 4 {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		t.Errorf("Run returned %v after %v", err, parts)
	}
}

func TestLag_RecordsNotRead_AreCounted(t *testing.T) {
	h := newHarness(t, kfake.SeedTopics(1, testTopic))
	h.put(numbered(10)...)
	h.ship()
	h.await()
	f := h.follower(nil, nil)
	f.Run(t.Context(), func(context.Context, []Record) error {
		if l := f.Lag(); l.Records != 10 || l.Bytes != -1 {
			t.Errorf("before the first record the lag is %+v, want 10 records", l)
		}
		return errEnough
	})
	h.follow(f, 10)
}

func TestPlan_PartitionFarAhead_WaitsForTheSlowest(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	at := func(hours float64, left int64) *position {
		return &position{end: 100, next: 100 - left, time: now.Add(time.Duration(hours * float64(time.Hour))), delivered: now}
	}
	parts := map[int32]*position{0: at(-10, 50), 1: at(-9.5, 50), 2: at(-8.5, 50), 3: at(0, 0), 4: {end: 10, delivered: now}}
	check := func(what, want string) {
		t.Helper()
		pause, resume := plan(parts, now)
		slices.Sort(pause)
		slices.Sort(resume)
		if got := fmt.Sprint(pause, resume); got != want {
			t.Errorf("%s: pauses and resumes %s, want %s", what, got, want)
		}
	}
	check("partition 4 has not delivered", "[0 1 2 3] []")
	parts[4].next = 10
	check("partition 4 is read", "[] [0 1 2 3]")
	check("partition 2 is 1.5 h ahead, and 3 more", "[2 3] []")
	parts[0].time = now.Add(-552 * time.Minute)
	parts[1].time = parts[0].time
	check("2 is 0.7 h ahead", "[] []")
	parts[0].time = now.Add(-534 * time.Minute)
	parts[1].time = parts[0].time
	check("2 is 0.4 h ahead", "[] [2]")
	parts[0].delivered, parts[1].delivered, parts[2].delivered = now.Add(-time.Minute), now.Add(-time.Minute), now.Add(-time.Minute)
	check("the slow ones are silent", "[] [3]")
}

func TestFollow_PartitionHoursAhead_IsReadAfterTheOther(t *testing.T) {
	h := newHarness(t, kfake.SeedTopics(2, testTopic))
	cl, err := h.options.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	const each = 120
	headers := headerCache{collector: "test"}
	for n := range 2 * each {
		id := idOf(n)
		p := int32(n % 2)
		r := &kgo.Record{Topic: testTopic, Partition: p, Key: id[:], Value: h.record(id, random(100_000)), Headers: headers.headers("/track"), Timestamp: time.Now().Add(time.Duration(p-1) * 10 * time.Hour)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f, got, ahead := h.follower(nil, nil), [2]int{}, 0
	err = f.Run(t.Context(), func(_ context.Context, rs []Record) error {
		p := rs[0].Partition
		if got[p] += len(rs); got[0] < each && p == 1 {
			ahead = got[1]
		}
		if got[0]+got[1] == 2*each {
			return errEnough
		}
		return nil
	})
	if err != errEnough || ahead > each/2 {
		t.Errorf("%d records of %d of the newer partition were read before the older: %v", ahead, each, err)
	}
}
