package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
)

const (
	// unclearTries is how often an INSERT with an unclear error is made before its rows are suspected.
	unclearTries = 3
	// mostStreak is how many INSERTs in a row may be refused until that is not the rows' fault. The search for one record
	// in the largest batch is refused 17 times.
	mostStreak = 64
)

// A refused record is one that ClickHouse does not take.
type refused struct {
	record
	reason  string
	unclear bool
}

// errNotRows means that INSERTs are refused for a reason that is not the rows'.
var errNotRows = errors.New("ClickHouse refuses all rows")

// write writes a batch, and returns when ClickHouse has it. The error is ctx's.
func (s *Sink) write(ctx context.Context, b *batch) error {
	err := s.persist(ctx, func() error {
		return s.writePosition(ctx, b.topicID, b.partition, position{b.first, b.next})
	})
	if err != nil {
		return err
	}
	if b.erase != nil {
		err = s.persist(ctx, func() error { return s.eraseRows(ctx, b.erase) })
		s.counts.erased.Add(int64(len(b.erase)))
	} else {
		err = s.writeRecords(ctx, b)
	}
	if err == nil {
		s.counts.records.Add(int64(max(len(b.records), 1)))
		s.counts.batches.Add(1)
	}
	return err
}

// writeRecords inserts the rows of a batch, and puts the records that have none or are refused into VIEW_dead.
func (s *Sink) writeRecords(ctx context.Context, b *batch) error {
	if err := s.persist(ctx, func() error { return s.findRepeated(ctx, b) }); err != nil {
		return err
	}
	var dead []refused
	err := s.persist(ctx, func() (err error) {
		dead, err = s.insertRecords(ctx, b, b.records)
		if err != nil || len(dead) < len(b.records) {
			return err
		}
		for _, r := range dead { // ClickHouse takes none of the records, so this may be its state
			if r.unclear {
				return fmt.Errorf("%w: %s", errNotRows, r.reason)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range b.records {
		switch {
		case r.undecoded != "":
			dead = append(dead, refused{record: r, reason: r.undecoded})
		case r.repeatedElsewhen:
			s.counts.repeated.Add(1)
		default:
			s.counts.rows.Add(int64(r.count))
		}
	}
	for _, r := range dead {
		if err := s.bury(ctx, b, r); err != nil {
			return err
		}
		s.counts.rows.Add(-int64(r.count))
	}
	return nil
}

// insertRecords inserts the rows of some records of a batch. It returns those that ClickHouse does not take.
func (s *Sink) insertRecords(ctx context.Context, b *batch, records []record) (dead []refused, err error) {
	wait := minBackoff
	for try := 1; ; try++ {
		err := s.insertOnce(ctx, b, records, true)
		if err == nil && (try > 1 || b.until > 0) {
			err = s.makeSure(ctx, b, records)
		}
		if err == nil {
			s.streak = 0
			s.worked()
			return nil, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		kind := judge(err)
		single := len(records) == 1
		if kind == stateFails || kind == unclear && try < unclearTries || kind == tooLarge && (single || try == 1) {
			if err := s.pause(ctx, err, wait); err != nil {
				return nil, err
			}
			wait = min(2*wait, maxBackoff)
			continue
		}
		if s.streak++; kind == unclear && s.streak > mostStreak {
			s.streak = 0
			return nil, fmt.Errorf("%w: %w", errNotRows, err)
		}
		if single {
			return []refused{{records[0], err.Error(), kind == unclear}}, nil
		}
		half := len(records) / 2
		first, err := s.insertRecords(ctx, b, records[:half])
		if err != nil {
			return nil, err
		}
		second, err := s.insertRecords(ctx, b, records[half:])
		return append(first, second...), err
	}
}

// makeSure inserts rows again without their token if they are not in the table. ClickHouse notes a token before it commits
// the rows, so that one that dies in between skips the next INSERT with the token, and has no rows. Therefore an INSERT
// whose token ClickHouse may know is looked up. The condition holds too where rows were merged with copies or erased; then
// the rows are copies that FINAL leaves out, or are left out again.
func (s *Sink) makeSure(ctx context.Context, b *batch, records []record) error {
	want, least, greatest := 0, int64(math.MaxInt64), int64(math.MinInt64)
	for _, r := range records {
		if r.count > 0 && !r.repeatedElsewhen {
			want++
			least, greatest = min(least, r.at), max(greatest, r.at)
		}
	}
	if want == 0 {
		return nil
	}
	rows, err := s.client.query(ctx, fmt.Sprintf(
		"SELECT uniqExact(log_offset) FROM %s WHERE log_partition = %d AND log_offset BETWEEN %d AND %d AND received_at BETWEEN fromUnixTimestamp64Micro(%d, 'UTC') AND fromUnixTimestamp64Micro(%d, 'UTC') FORMAT TabSeparated",
		s.o.Target.table("_raw"), b.partition, records[0].offset, records[len(records)-1].offset, least, greatest))
	if err != nil {
		return fmt.Errorf("look up inserted rows: %w", err)
	}
	if have, err := strconv.Atoi(rows[0][0]); err == nil && have >= want {
		return nil
	}
	return s.insertOnce(ctx, b, records, false)
}

// insertOnce makes one INSERT, with a token or without.
func (s *Sink) insertOnce(ctx context.Context, b *batch, records []record, tokened bool) error {
	var body [][]byte
	for i, from := 0, -1; i <= len(records); i++ { // pieces without the rows that are left out
		out := i == len(records) || records[i].repeatedElsewhen || records[i].count == 0
		if !out && from < 0 {
			from = i
		} else if out && from >= 0 {
			body = append(body, b.rows[records[from].rows:records[i-1].rowsEnd])
			from = -1
		}
	}
	if body == nil {
		return nil
	}
	settings := url.Values{
		"max_partitions_per_insert_block": {"0"}, // old beacons of many months may arrive together
	}
	if settings.Set("insert_deduplicate", "0"); tokened {
		settings.Set("insert_deduplicate", "1")
		settings.Set("insert_deduplication_token", token(b, records))
	}
	where := ""
	if s.erased {
		where = "id NOT IN (SELECT id FROM " + s.o.Target.table("_erased") + ")"
	}
	return s.client.insert(ctx, s.insertInto("_raw", s.schema.raw(), where), body, settings)
}

// token returns what ClickHouse recognizes an INSERT by.
func token(b *batch, records []record) string {
	return fmt.Sprintf("%s:%d:%d-%d", b.topicID, b.partition, records[0].offset, records[len(records)-1].offset+1)
}
