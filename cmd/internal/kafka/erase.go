package kafka

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// eraseIDs is how many ids an erasure has at most: 400 kB.
const eraseIDs = 10_000

// Erase writes the erasure of beacons to each partition, and returns when the log has acknowledged all. It
// comes behind all beacons that were acknowledged before the call, so call [Shipper.Wait] first. After an
// error some partitions may have it: call Erase again.
func (s *Shipper) Erase(ctx context.Context, ids []uuid.UUID) error {
	client, err := s.producer(mostBatch, 0)
	if err != nil {
		return err
	}
	defer client.Close()
	topic, err := s.o.describe(ctx, client)
	if err != nil {
		return err
	}
	now := time.Now()
	var records []*kgo.Record
	for some := range slices.Chunk(ids, eraseIDs) {
		for _, p := range topic.Partitions {
			r, err := eraseRecord(p.Partition, some, s.o.Collector, now)
			if err != nil {
				return err
			}
			records = append(records, r)
		}
	}
	done := make(chan error, 1)
	go func() { done <- client.ProduceSync(context.Background(), records...).FirstErr() }()
	select {
	case err := <-done:
		return s.o.explain(err)
	case <-ctx.Done(): // the client's end ends the goroutine
		return ctx.Err()
	}
}
