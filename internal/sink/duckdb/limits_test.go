//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fails returns the error of a query and says how long it took.
func (b *bench) fails(query string) error {
	b.Helper()
	began := time.Now()
	rows, err := b.db.Query(b.Context(), query)
	if err == nil {
		rows.Close()
		b.Fatalf("%s is answered", query)
	}
	b.Logf("%v: %v", time.Since(began), err)
	return err
}

func (b *bench) memoryLimit() (limit string) {
	b.Helper()
	if err := b.db.pool.QueryRow("select current_setting('memory_limit')").Scan(&limit); err != nil {
		b.Fatal(err)
	}
	return limit
}

func TestAQueryThatTakesTooLongEnds(t *testing.T) {
	b := newBench(t)
	b.db.QueryTimeout = 50 * time.Millisecond
	for _, query := range []string{
		"select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7",
		"with recursive r as (select 1 i union all select i + 1 from r) select max(i) from r",
	} {
		if err := b.fails(query); !strings.Contains(err.Error(), "longer than 50ms") || !strings.Contains(err.Error(), "--query-timeout") {
			t.Error(err)
		}
	}
	// The time is for the engine, not for who reads slowly.
	b.db.QueryTimeout = 2 * time.Second
	rows, err := b.db.Query(t.Context(), "from range(100000)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	<-time.After(b.db.QueryTimeout + 100*time.Millisecond)
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 100000 {
		t.Errorf("%d rows: %v", n, rows.Err())
	}
}

func TestAQueryThatTakesTooMuchMemoryEnds(t *testing.T) {
	b := newBench(t)
	b.db.queries.memory = 96
	queries := []string{"select string_agg(repeat('x', 1000)) from range(1000000)"}
	if runtime.GOOS == "linux" {
		// These are in nobody's account.
		queries = append(queries, "select quantile_cont(i, 0.5) from range(1000000000) t(i)", "select histogram(i) from range(100000000) t(i)")
	}
	for _, query := range queries {
		if err := b.fails(query); !strings.Contains(err.Error(), "more than the 96 MiB of memory") {
			t.Error(err)
		}
	}
	b.want("select count(*) from beacons", "0")
	if limit := b.memoryLimit(); limit != "64.0 MiB" {
		t.Errorf("without a query the engine may take %s", limit)
	}
}

func TestQueriesWaitForTheirTurn(t *testing.T) {
	b := newBench(t)
	var running []*Rows
	for range maxQueries {
		rows, err := b.db.Query(t.Context(), "select current_setting('memory_limit')")
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, rows)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.db.Query(ctx, "select 1"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for 4 other queries") {
		t.Errorf("one more: %v", err)
	}
	running[0].Close()
	b.want("select 1::bigint", "1")
	if limit := b.memoryLimit(); limit == "64.0 MiB" {
		t.Errorf("three queries may take %s together", limit)
	}
	for _, rows := range running {
		rows.Close()
	}
	if limit := b.memoryLimit(); limit != "64.0 MiB" {
		t.Errorf("without a query the engine may take %s", limit)
	}
}

// What the engine can't interrupt holds nobody up for long.
func TestAQueryThatIsStuckGivesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &DB{queries: newQueries(), closed: true} // without an engine
		db.queries.memory = 1 << 20                    // MiB: the time is what ends them
		for range maxQueries {
			_, _, end, err := db.begin(t.Context(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer end()
		}
		began := time.Now()
		_, _, end, err := db.begin(t.Context(), 0)
		if waited := time.Since(began); err != nil || waited != time.Minute+stuckAfter {
			t.Errorf("one more waited for %v: %v", waited, err)
		}
		end()
	})
}

func TestAValueOfGigabytesIsNotMade(t *testing.T) {
	b := newBench(t)
	for _, expr := range []string{
		"repeat('x', 1000000000)", "lpad('x', 500000000, 'y')", "rpad('x', 500000000, 'y')", "range(200000000)", "len(range(0, 200000000))",
		"generate_series(1, 200000000)", "list_resize([1], 200000000)", "printf('%500000000d', 1)", "format('{:>500000000}', 'x')", "bitstring('1', 100000000)",
		"list_sum(list_transform(range(3), x -> len(repeat('x', 1000000000))))", "list_transform(range(10000), lambda x: [repeat('x', 10000)])", "[range(i) for i in range(10000)]", "[range(1, i) for i in range(10000)]", "[lpad(repeat('x', i), 3, '0') for i in range(10000)]", "range(-1000000000, 0)", "format('{:0>50000}', 'x')",
	} {
		if err := b.fails("select " + expr); !strings.Contains(err.Error(), "too large a value") {
			t.Errorf("%s: %v", expr, err)
		}
	}
	b.want("select len(repeat('x', 10000)), count(*) from range(2000000)", "10000 | 2000000")
	b.want("select list_transform([7], x -> lpad(x::varchar, 3, '0')), format('number 123456: {:>3}', 'x')", `["007"] | number 123456:   x`)
	// The most that two of them make is done in no time.
	b.want("select levenshtein(repeat('a', 10000), repeat('b', 10000)), len(replace(repeat('a', 10000), 'a', repeat('b', 10000)))", "10000 | 100000000")
}

func TestWhoeverWritesMayTakeWhatItNeeds(t *testing.T) {
	b := newBench(t)
	one := b.db.take(256)
	other := b.db.take(128)
	for i, end := range []func(){one, other, func() {}} {
		if limit, want := b.memoryLimit(), []string{"256.0 MiB", "128.0 MiB", "64.0 MiB"}[i]; limit != want {
			t.Errorf("the engine may take %s, want %s", limit, want)
		}
		end()
	}
}
