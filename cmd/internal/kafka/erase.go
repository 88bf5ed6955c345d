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

// Erase writes the erasure of beacons to each partition, and returns when the log has acknowledged all. Each reader of the
// topic erases them, also in a later replay. It comes behind all beacons that were acknowledged before the call. by is the
// name of who erases. After an error some partitions may have it: call Erase again.
func Erase(ctx context.Context, o Options, by string, ids []uuid.UUID) error {
	client, err := o.client(
		kgo.DefaultProduceTopic(o.Topic), kgo.RecordPartitioner(partitioner{}), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchMaxBytes(mostBatch))
	if err != nil {
		return err
	}
	defer client.Close()
	topic, err := o.describe(ctx, client)
	if err != nil {
		return err
	}
	now := time.Now()
	var records []*kgo.Record
	for some := range slices.Chunk(ids, eraseIDs) {
		for _, p := range topic.Partitions {
			r, err := eraseRecord(p.Partition, some, by, now)
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
		return o.explain(err)
	case <-ctx.Done(): // the client's end ends the goroutine
		return ctx.Err()
	}
}
