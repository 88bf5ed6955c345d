package clickhouse

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// idsPerQuery is how many ids a query names. ClickHouse takes queries of 256 KiB by default.
const idsPerQuery = 4000

// window is how long an Idempotency-Key counts.
const window = 48 * time.Hour

// findRepeated finds the records of a batch whose Idempotency-Key has arrived within 48 hours on another day. Those that
// arrive twice on one day have the same key in ClickHouse, which keeps one of them.
//
// Only beacons with an Idempotency-Key are looked up. The ids of UUIDs with a time (version 7), which this project's
// senders use, are near each other in the table. Random ones cost ClickHouse a block of 8,192 ids each.
//
// A batch that is written again has the same outcome: what was left out before finds the same earlier row, and what was
// not finds at most itself.
func (s *Sink) findRepeated(ctx context.Context, b *batch) error {
	first := map[uuid.UUID]int64{}
	for i := range b.records {
		r := &b.records[i]
		if !r.keyed {
			continue
		}
		at, again := first[r.id]
		if r.repeatedElsewhen = again && isRepetition(at, r.at); !again {
			first[r.id] = r.at
		}
	}
	if len(first) == 0 {
		return nil
	}
	stored, err := s.lookUp(ctx, first)
	if err != nil {
		return fmt.Errorf("look up Idempotency-Keys: %w", err)
	}
	for i := range b.records {
		r := &b.records[i]
		for _, at := range stored[r.id] {
			r.repeatedElsewhen = r.repeatedElsewhen || r.keyed && isRepetition(at, r.at)
		}
	}
	return nil
}

// isRepetition reports whether two arrivals of a key, in microseconds, are one beacon that has another key in ClickHouse.
func isRepetition(a, b int64) bool {
	apart := time.Duration(a-b) * time.Microsecond
	return dayOf(a) != dayOf(b) && apart.Abs() <= window
}

func dayOf(micros int64) int64 {
	const day = int64(24 * time.Hour / time.Microsecond)
	return (micros - ((micros%day)+day)%day) / day
}

// lookUp returns the times of arrival, in microseconds, of rows that have one of the ids within 48 hours of its time.
func (s *Sink) lookUp(ctx context.Context, ids map[uuid.UUID]int64) (map[uuid.UUID][]int64, error) {
	var list []string
	var least, greatest int64
	for id, at := range ids {
		if len(list) == 0 {
			least, greatest = at, at
		}
		least, greatest = min(least, at), max(greatest, at)
		list = append(list, literal(id.String()))
	}
	stored := map[uuid.UUID][]int64{}
	for len(list) > 0 {
		n := min(len(list), idsPerQuery)
		rows, err := s.client.query(ctx, fmt.Sprintf(
			"SELECT id, toUnixTimestamp64Micro(received_at) FROM %s WHERE received_at BETWEEN fromUnixTimestamp64Micro(%d, 'UTC') AND fromUnixTimestamp64Micro(%d, 'UTC') AND id IN (%s) FORMAT TabSeparated",
			s.o.Target.table("_raw"), inRange(least-window.Microseconds()), inRange(greatest+window.Microseconds()), strings.Join(list[:n], ",")))
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			id, err := uuid.Parse(r[0])
			if err != nil {
				return nil, err
			}
			at, err := strconv.ParseInt(r[1], 10, 64)
			if err != nil {
				return nil, err
			}
			stored[id] = append(stored[id], at)
		}
		list = list[n:]
	}
	return stored, nil
}
