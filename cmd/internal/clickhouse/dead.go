package clickhouse

import (
	"context"
	"encoding/binary"
	"net/url"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// bury puts a record into VIEW_dead. If ClickHouse refuses it there too, the row has no bytes of the record: the topic has
// them as long as its retention says.
func (s *Sink) bury(ctx context.Context, b *batch, r refused) error {
	bytes := b.raw[r.raw:r.rawEnd]
	insert := func() error {
		where := ""
		if s.erased {
			where = "NOT hasAny(ids, (SELECT groupArray(id) FROM " + s.o.Target.table("_erased") + "))"
		}
		return s.client.insert(ctx, s.insertInto("_dead", deadColumns, where), [][]byte{deadRow(b, r, bytes)}, url.Values{})
	}
	err := s.persist(ctx, func() error {
		err := insert()
		if err != nil && judge(err) != stateFails && len(bytes) > 0 {
			bytes = nil
			err = insert()
		}
		return err
	})
	if err != nil {
		return err
	}
	if n := s.counts.dead.Add(1); n <= 10 || n%1000 == 0 {
		s.log.Error("record is dead, see the table", "table", s.o.Target.table("_dead"), "partition", b.partition, "offset", r.offset, "reason", r.reason, "count", n)
	}
	return nil
}

// deadRow returns the row of a record in VIEW_dead.
func deadRow(b *batch, r refused, record []byte) []byte {
	to := appendString(nil, b.topicID)
	to = append(to, byte(b.partition), byte(b.partition>>8), byte(b.partition>>16), byte(b.partition>>24))
	to = appendInt64(to, r.offset)
	parsed, _, err := warc.Parse(b.raw[r.raw:r.rawEnd])
	var rows []row.Row
	if err == nil {
		rows = row.Rows(&parsed)
	}
	to = binary.AppendUvarint(to, uint64(len(rows)))
	for i := range rows {
		to = appendUUID(to, rows[i].ID)
	}
	to = appendString(to, r.reason)
	to = appendString(to, stringOf(record))
	return appendInt64(to, now())
}
