package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-d051cf5a/beacon/cmd/internal/clickhouse"
)

var (
	toConnected = described("beacon_clickhouse_connected", "1 after the last request to ClickHouse succeeded.")
	toRows      = described("beacon_clickhouse_rows_total", "Rows that were inserted into ClickHouse.")
	toBatches   = described("beacon_clickhouse_batches_total", "Batches of one partition that were written to ClickHouse.")
	toRetries   = described("beacon_clickhouse_retries_total", "Requests to ClickHouse that failed and were made again.")
	toDead      = described("beacon_clickhouse_dead_total", "Records that ClickHouse refuses, or that can't be decoded. They are in its table of dead records.")
	toRepeated  = described("beacon_clickhouse_repeated_total", "Records that were left out, because their Idempotency-Key had arrived on another day.")
	toErased    = described("beacon_clickhouse_erased_total", "Ids whose rows were erased in ClickHouse, as the log says.")
	toPending   = described("beacon_clickhouse_pending_bytes", "Bytes of records and rows that were read from the log and are not written to ClickHouse.")
)

// clickhouseMetrics is a prometheus.Collector. The lag behind the log counts what is not in ClickHouse.
type clickhouseMetrics struct{ *clickhouse.Sink }

func (clickhouseMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{toConnected, toRows, toBatches, toRetries, toDead, toRepeated, toErased, toPending} {
		to <- d
	}
	for _, d := range readMetrics {
		to <- d
	}
}

func (m clickhouseMetrics) Collect(to chan<- prometheus.Metric) {
	all := samples(to)
	s := m.Stats()
	all.flag(toConnected, s.Started && s.Error == "")
	all.counter(toRows, s.Rows)
	all.counter(toBatches, s.Batches)
	all.counter(toRetries, s.Retries)
	all.counter(toDead, s.Dead)
	all.counter(toRepeated, s.Repeated)
	all.counter(toErased, s.Erased)
	all.gauge(toPending, float64(s.PendingBytes))
	if s.Started { // else the log is not read yet
		all.collectRead(s.Records, s.Log, s.Lag)
	}
}
