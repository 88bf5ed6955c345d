package clickhouse

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
)

// A position is where the reading of a partition continues.
type position struct {
	next  int64 // the offset before which all is in the table
	until int64 // where the batch ends that begins at next; the same if none was begun
}

// readPositions returns the positions of a topic, by partition, and the topic's id. A topic that was made anew has
// another id; the one that was written last counts.
func (s *Sink) readPositions(ctx context.Context) (positions map[int32]position, topicID string, err error) {
	rows, err := s.client.query(ctx, fmt.Sprintf("SELECT topic_id, log_partition, max(next), argMax(until, (next, until)), max(written_at) AS written FROM %s WHERE topic = %s GROUP BY topic_id, log_partition ORDER BY written DESC FORMAT TabSeparated",
		s.o.Target.table("_positions"), literal(s.o.Log.Topic)))
	if err != nil {
		return nil, "", err
	}
	positions = map[int32]position{}
	for i, r := range rows {
		if i == 0 {
			topicID = r[0]
		}
		if r[0] != topicID {
			continue
		}
		partition, err := strconv.ParseInt(r[1], 10, 32)
		var p position
		if err == nil {
			p.next, err = strconv.ParseInt(r[2], 10, 64)
		}
		if err == nil {
			p.until, err = strconv.ParseInt(r[3], 10, 64)
		}
		if err != nil {
			return nil, "", fmt.Errorf("read positions: %w", err)
		}
		positions[int32(partition)] = p
	}
	return positions, topicID, nil
}

// writePosition records a position.
func (s *Sink) writePosition(ctx context.Context, topicID string, partition int32, p position) error {
	b := appendString(nil, s.o.Log.Topic)
	b = appendString(b, topicID)
	b = append(b, byte(partition), byte(partition>>8), byte(partition>>16), byte(partition>>24))
	b = appendInt64(appendInt64(appendInt64(b, p.next), p.until), now())
	return s.client.insert(ctx, s.insertInto("_positions", positionColumns, ""), [][]byte{b}, url.Values{})
}

// insertInto returns an INSERT of rows in the format RowBinary. where is a condition that each row must meet, or "".
func (s *Sink) insertInto(suffix string, columns []column, where string) string {
	into := fmt.Sprintf("INSERT INTO %s (%s)", s.o.Target.table(suffix), names(columns))
	if where != "" {
		into += fmt.Sprintf(" SELECT %s FROM input(%s) WHERE %s", names(columns), literal(definitions(columns)), where)
	}
	return into + " FORMAT RowBinary"
}
