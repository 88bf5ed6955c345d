package kafka

import "github.com/twmb/franz-go/pkg/kgo"

// A partitioner puts a beacon into the partition of its key, as Kafka's own producer does, and an erasure into
// the partition that it names.
type partitioner struct{}

func (partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{kgo.StickyKeyPartitioner(nil).ForTopic(topic)}
}

type topicPartitioner struct{ byKey kgo.TopicPartitioner }

// RequiresConsistency makes the library choose among all partitions, also those without a leader: the same id
// must always go to the same one.
func (topicPartitioner) RequiresConsistency(*kgo.Record) bool { return true }

func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Key == nil {
		return int(r.Partition)
	}
	return p.byKey.Partition(r, n)
}
