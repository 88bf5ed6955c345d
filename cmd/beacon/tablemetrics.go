package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	lagBytes      = described("beacon_inbox_lag_bytes", "Bytes of the inbox that the table's writer has not read yet.")
	lagSeconds    = described("beacon_table_lag_seconds", "How long ago the oldest beacon was received that the table's writer has not read yet, for an imported one by its date; 0 where there is none.")
	tableFiles    = described("beacon_table_files", "Parquet files of the table.")
	tableRows     = described("beacon_table_rows", "Rows in the table's files.")
	tableBytes    = described("beacon_table_bytes", "Bytes of the table's files.")
	tablePending  = described("beacon_table_pending_rows", "Rows that were read from the inbox and that no file has yet.")
	tableDamaged  = described("beacon_table_damaged_files", "Files that are not in the table because their checksum is wrong.")
	damagedRows   = described("beacon_table_damaged_rows", "Rows of those files.")
	tableFailing  = described("beacon_table_failing", "1 while rows can't be written into the table.")
	queryRunning  = described("beacon_query_running", "Queries and exports that run now.")
	queryWaiting  = described("beacon_query_waiting", "Queries and exports that wait for their turn.")
	queryStarted  = described("beacon_query_processes_started_total", "Query processes that were started.")
	queryKilled   = described("beacon_query_processes_killed_total", "Query processes that were killed because of time, disk, or a client that left.")
	queryEnded    = described("beacon_query_processes_ended_total", "Query processes that a query ended.")
	queryRefused  = described("beacon_query_refused_total", "Queries that were refused because the same one ended a process, or because too many waited.")
	queryConfined = described("beacon_query_confined", "1 where the kernel restricts the query processes.")
)

// tableMetrics is a prometheus.Collector.
type tableMetrics struct{ *tableService }

func (tableMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagBytes, lagSeconds, tableFiles, tableRows, tableBytes, tablePending, tableDamaged, damagedRows, tableFailing,
		queryRunning, queryWaiting, queryStarted, queryKilled, queryEnded, queryRefused, queryConfined} {
		to <- d
	}
}

func (m tableMetrics) Collect(to chan<- prometheus.Metric) {
	all := samples(to)
	s := m.table.Status()
	if bytes, since, err := m.inbox.Behind(s.Reached); err != nil {
		m.log.Warn("the table's lag is not known", "error", err)
	} else {
		seconds := 0.0
		if !since.IsZero() {
			seconds = time.Since(since).Seconds()
		}
		all.gauge(lagBytes, float64(bytes))
		all.gauge(lagSeconds, seconds)
	}
	rows := int64(0)
	for _, d := range s.Damaged {
		rows += d.Rows
	}
	all.gauge(tableFiles, float64(s.Files))
	all.gauge(tableRows, float64(s.Rows))
	all.gauge(tableBytes, float64(s.Bytes))
	all.gauge(tablePending, float64(s.Pending))
	all.gauge(tableDamaged, float64(len(s.Damaged)))
	all.gauge(damagedRows, float64(rows))
	all.flag(tableFailing, s.Error != nil)
	q := m.pool.Stats()
	all.gauge(queryRunning, float64(q.Running))
	all.gauge(queryWaiting, float64(q.Waiting))
	all.counter(queryStarted, q.Started)
	all.counter(queryKilled, q.Killed)
	all.counter(queryEnded, q.Ended)
	all.counter(queryRefused, q.Refused)
	all.flag(queryConfined, q.Confined)
}
