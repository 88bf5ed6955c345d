// Package clickhouse copies a Kafka topic of beacons into tables of ClickHouse. A [Sink] needs no disk: what it must
// know after a crash is in ClickHouse too.
//
//	topic ─▶ Follower ─▶ queue: one open batch a partition ─▶ writer ─▶ VIEW_raw ─▶ the view, with FINAL
//	                                                             ├─▶ VIEW_positions   where each partition continues
//	                                                             ├─▶ VIEW_erased      ids of erased rows
//	                                                             └─▶ VIEW_dead        records that ClickHouse refuses
//
// # Batches
//
// A batch is the records of one partition from an offset to another. It ends at the first of these:
//
//   - an offset that is a multiple of 32,768
//   - 8 MiB of records and rows, or 65,536 rows
//   - an erasure, which is a batch of its own
//   - an age of two seconds, or more where there are many partitions, so that at most two batches a second end so
//   - all batches together have more than 48 MiB
//
// The last two depend on time, so the ends are recorded: before the rows of a batch are inserted, VIEW_positions gets
// its first offset and its end. Its first offset is the end of the batch before it, which is complete by then. So after
// a crash the sink reads from that first offset on, and makes the first batch end where it ended before.
//
// # Once
//
// An INSERT has the token "topic id:partition:first-end", so that ClickHouse skips one that it has already. Each range
// of offsets has the same records forever, so a token never skips other rows. Tokens keep most copies out, but the
// promise does not need them: a row's key is the day of its arrival and its id, ReplacingMergeTree keeps one row of
// each key, and FINAL leaves out copies that are not merged yet. Of several arrivals the first wins (log_version).
//
// A beacon with an Idempotency-Key can arrive on two days. So the writer looks such ids up in the days around theirs,
// and leaves out a row whose id has arrived within 48 hours on another day (repeat.go).
//
// # Errors
//
// ClickHouse's errors are of two kinds (failure.go). Those of its state are retried without limit, and nothing is read
// meanwhile beyond the bound of the queue. Those of the rows have the batch halved until the record is alone, and it goes
// into VIEW_dead.
package clickhouse
