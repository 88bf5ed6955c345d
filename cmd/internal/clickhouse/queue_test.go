package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// aQueue returns a queue with the ends that were recorded.
func aQueue(t *testing.T, recorded map[int32]position) *queue {
	t.Helper()
	s, err := newSchema(nil)
	if err != nil {
		t.Fatal(err)
	}
	return newQueue(s, nil, batchAge, recorded)
}

// aRecord returns a record of a partition whose body has so many bytes.
func aRecord(t *testing.T, partition int32, offset int64, size int) kafka.Record {
	t.Helper()
	r := warc.Record{ID: uuid.Must(uuid.NewV7()), Date: time.Now(), Target: "http://localhost/x",
		Request: warc.Request{Method: "POST", Target: "/x", Proto: "HTTP/1.1", Body: bytes.Repeat([]byte{0xff}, size), Header: warc.Fields{{Name: "Host", Value: "localhost"}}}}
	value, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return kafka.Record{Partition: partition, Offset: offset, Time: r.Date, Value: value}
}

// ranges returns the offsets of the batches that can be written now.
func (q *queue) ranges() (all []string) {
	for {
		b, _ := q.choose(time.Now())
		if b == nil {
			return all
		}
		all = append(all, fmt.Sprintf("%d:%d-%d", b.partition, b.first, b.next))
		q.done(b)
	}
}

func TestQueue_Batches_EndWhereTheRulesSay(t *testing.T) {
	erasure := func(offset int64) kafka.Record {
		return kafka.Record{Offset: offset, Erase: []uuid.UUID{uuid.New()}}
	}
	small := func(offset int64) kafka.Record { return aRecord(t, 0, offset, 10) }
	tests := []struct {
		name     string
		recorded map[int32]position
		records  []kafka.Record
		want     string // without what is open
	}{
		{"open", nil, []kafka.Record{small(0), small(1)}, "[]"},
		{"multiple of 32,768", nil, []kafka.Record{small(32_766), small(32_767), small(32_768)}, "[0:32766-32768]"},
		{"a gap across the multiple", nil, []kafka.Record{small(32_000), small(33_000)}, "[0:32000-32001]"},
		{"bytes", nil, []kafka.Record{aRecord(t, 0, 0, 3<<20), aRecord(t, 0, 1, 3<<20), small(2)}, "[0:0-2]"},
		{"erasure", nil, []kafka.Record{small(0), erasure(1), erasure(2), small(3)}, "[0:0-1 0:1-2 0:2-3]"},
		{"recorded end", map[int32]position{0: {5, 7}}, []kafka.Record{small(5), small(6), small(7)}, "[0:5-7]"},
		{"recorded end of a large batch", map[int32]position{0: {0, 3}}, []kafka.Record{aRecord(t, 0, 0, 3<<20), aRecord(t, 0, 1, 3<<20), small(2), small(3)}, "[0:0-3]"},
		{"recorded end that is gone", map[int32]position{0: {5, 7}}, []kafka.Record{small(5), small(8)}, "[0:5-6]"},
		{"offsets that go back", nil, []kafka.Record{small(5), small(6), small(0)}, "[0:5-7]"},
	}
	for _, test := range tests {
		q := aQueue(t, test.recorded)
		if err := q.add(t.Context(), "topic", test.records); err != nil {
			t.Fatal(err)
		}
		if have := fmt.Sprint(q.ranges()); have != test.want {
			t.Errorf("%s: the batches are %s, want %s", test.name, have, test.want)
		}
	}
}

func TestQueue_Age_EndsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := aQueue(t, map[int32]position{1: {0, 5}})
		if err := q.add(t.Context(), "topic", []kafka.Record{aRecord(t, 0, 0, 1), aRecord(t, 1, 0, 1)}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for _, want := range []struct {
			partition int32
			age       time.Duration
		}{{0, batchAge}, {1, recordedAge}} {
			b, err := q.take(t.Context())
			if err != nil || b.partition != want.partition || time.Since(begin) != want.age {
				t.Errorf("take returned partition %d after %v (%v), want %d after %v", b.partition, time.Since(begin), err, want.partition, want.age)
			}
			q.done(b)
		}
	})
}

func TestQueue_Full_WaitsAndWritesTheLargest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := aQueue(t, nil)
		var records []kafka.Record
		for p := range int32(20) { // each less than a batch, all more than the queue
			records = append(records, aRecord(t, p, 0, 1<<20), aRecord(t, p, 1, int(p)<<10+1<<20))
		}
		ctx, cancel := context.WithCancel(t.Context())
		added := make(chan error, 1)
		go func() { added <- q.add(ctx, "topic", records) }()
		synctest.Wait()
		_, held, _ := q.pending()
		if held < mostPending || held > mostPending+3<<20 {
			t.Errorf("the queue holds %d bytes, want little more than %d", held, mostPending)
		}
		largest := int64(0)
		for _, list := range q.batches {
			largest = max(largest, list[0].size())
		}
		b, err := q.take(t.Context())
		if err != nil || b.size() != largest {
			t.Errorf("take returned a batch of %d bytes, want the largest of %d", b.size(), largest)
		}
		q.done(b)
		synctest.Wait()
		if _, after, _ := q.pending(); after < mostPending {
			t.Errorf("the queue holds %d bytes after one was removed, want it full again", after)
		}
		cancel()
		if err := <-added; err != context.Canceled {
			t.Errorf("add returned %v, want that the context is canceled", err)
		}
	})
}
