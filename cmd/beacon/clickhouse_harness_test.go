//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/test/clickhousetest"
)

// newColumnStore starts ClickHouse's engine with the database db, and returns the URL for --to.
func newColumnStore(t testing.TB) (engine *clickhousetest.Engine, to string) {
	t.Helper()
	engine = clickhousetest.Start(t, "")
	engine.Query("CREATE DATABASE db")
	return engine, "clickhouse://" + engine.Address + "/db"
}

// sinkOf starts beacon table --from --to.
func (p *place) sinkOf(log, to string, flags ...string) *server {
	p.t.Helper()
	return p.start("command", append([]string{"table", "--from", log, "--to", to, "--listen", "127.0.0.1:0"}, flags...)...)
}

// inView checks that each accepted beacon is one row of the view, and that none is two.
func (c *crowd) inView(t *testing.T, s *clickhousetest.Engine) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			rows, err := s.Try("SELECT log_partition, count(), uniqExact(log_offset), max(log_offset) FROM db.beacons_raw GROUP BY 1 ORDER BY 1")
			positions, _ := s.Try("SELECT log_partition, max(next), max(until) FROM db.beacons_positions GROUP BY 1 ORDER BY 1")
			t.Logf("partitions with rows, offsets and the greatest: %v (%v), positions %v", rows, err, positions)
		}
	})
	eventually(t, fmt.Sprintf("the view has %d beacons", len(c.accepted)), func() bool {
		rows, err := s.Try("SELECT uniqExact(JSONExtractInt(data, 'number')) FROM db.beacons")
		return err == nil && rows[0][0] != "0" && atLeast(rows[0][0], len(c.accepted))
	})
	found := map[int]bool{}
	for _, row := range s.Query("SELECT JSONExtractInt(data, 'number') AS number, count() FROM db.beacons GROUP BY number") {
		var number, n int
		fmt.Sscan(row[0], &number)
		fmt.Sscan(row[1], &n)
		if found[number] = true; n != 1 {
			t.Errorf("beacon %d has %d rows", number, n)
		}
	}
	missing := 0
	for number := range c.accepted {
		if !found[number] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d accepted beacons are not in the view", missing, len(c.accepted))
	}
}

func atLeast(text string, n int) bool {
	var have int
	fmt.Sscan(text, &have)
	return have >= n
}

// await waits until n beacons were accepted.
func (c *crowd) await(n int) {
	for {
		c.mu.Lock()
		accepted := len(c.accepted)
		c.mu.Unlock()
		if accepted >= n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
