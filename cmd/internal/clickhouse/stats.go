package clickhouse

import (
	"sync/atomic"
	"time"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
)

// counts are those of a Sink since it was made.
type counts struct {
	records, rows, batches, retries, dead, repeated, erased atomic.Int64
}

// Stats are the state and the counts of a Sink since it was made.
type Stats struct {
	Started bool   // the tables are there, and the topic is read
	Error   string // why the last request to ClickHouse failed, with a hint; "" after a success

	Records  int64 // of the topic that are written
	Rows     int64 // that were inserted; those of a batch that ClickHouse had already are counted too
	Batches  int64 // that were written
	Retries  int64 // requests to ClickHouse that failed and were made again
	Dead     int64 // records that ClickHouse refuses, or that can't be decoded
	Repeated int64 // records that were left out because their Idempotency-Key had arrived on another day
	Erased   int64 // ids of erasures

	PendingRecords, PendingBytes int64 // that were read and are not written

	Log kafka.FollowStats
	Lag kafka.Lag // of what is not in ClickHouse
}

// Stats returns the state and the counts.
func (s *Sink) Stats() Stats {
	st := Stats{
		Records: s.counts.records.Load(), Rows: s.counts.rows.Load(), Batches: s.counts.batches.Load(), Retries: s.counts.retries.Load(),
		Dead: s.counts.dead.Load(), Repeated: s.counts.repeated.Load(), Erased: s.counts.erased.Load(),
	}
	s.mu.Lock()
	st.Error = s.failed
	s.mu.Unlock()
	follower, q := s.follower.Load(), s.queue.Load()
	if follower == nil {
		return st
	}
	st.Started, st.Log, st.Lag = true, follower.Stats(), follower.Lag()
	var oldest time.Time
	st.PendingRecords, st.PendingBytes, oldest = q.pending()
	st.Lag.Records += st.PendingRecords
	if st.Lag.Bytes >= 0 {
		st.Lag.Bytes += st.PendingBytes
	}
	if !oldest.IsZero() {
		st.Lag.Time = max(st.Lag.Time, time.Since(oldest))
	}
	return st
}
