//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestQuery_OneSelectOrExplain_IsAnswered(t *testing.T) {
	p := newPool(t)
	for _, sql := range []string{
		"select count(*) from beacons", "select 1;", "select 1; -- done", "select 1 /* ; */ ;;", "-- first\nselect 'it''s'", "SELECT $$;$$",
		"with x as (select 1) from x", "from beacons", "table beacons", "values (1)", "(select 1) union all (select 2)",
		"describe beacons", "describe select 1", "show tables", "show all tables", "summarize beacons",
		"explain select 1", "explain (format json) select 1", "EXPLAIN FROM beacons",
		"from duckdb_views()", "from json_each('[1]')", "from range(3)", "select unnest([1, 2])", "from query('select 1')",
		"pivot beacons on stream in ('/deploys') using count(*)", "from pragma_table_info('beacons')", "select [1] -- c",
	} {
		if _, lines, err := answer(t, p, Request{SQL: sql}); err != nil || lines == "" {
			t.Errorf("%s: got %q, %v", sql, lines, err)
		}
	}
}

func TestQuery_WrongSQL_QuotesIt(t *testing.T) {
	p := newPool(t)
	const arrow = "hint: -> and ->> bind weaker than = and AND: write field(data, "
	for _, c := range []struct{ sql, want string }{
		{"select nope from beacons", "LINE 1: select nope from beacons\n               ^"},
		{"select 1,\n\t[nope]\nfrom beacons", "LINE 2:  [nope]\n          ^"},
		{"selec 1", "LINE 1: selec 1\n        ^"},
		{"select 1) as t(c0); drop table beacons; --", `syntax error at or near ")"`},
		{"", "no SQL in it"},
		{"-- nothing", "no SQL in it"},
		{"select 1\x00; drop table beacons", "NUL"},
		{"select '\xff'", "not valid UTF-8"},
		{"select 1; drop table beacons", "several statements"},
		{"select 1; select 2", "several statements"},
		{"pivot beacons on stream using count(*)", "several statements"},
		{"select ?", "parameter"},
		{"explain select $1", "parameter"},
		{"explain analyze select 1", "only EXPLAIN SELECT"},
		{"explain (analyze) select 1", "only EXPLAIN SELECT"},
		{"explain analyze from enable_logging()", "only EXPLAIN SELECT"},
		{"select " + strings.Repeat("1 + ", maxSQL/4) + "1", "at most 1048576"},
		// While it runs, in columns that are read as they are, and in those that are cast.
		{"select (stream || 'x')::int from beacons", "LINE 1: select (stream || 'x')::int from beacons\n                              ^"},
		{"select 'é', [1],\n(stream || 'x')::int from beacons;", "LINE 2: (stream || 'x')::int from beacons;\n                       ^"},
		{"select error('no reason')", "Invalid Input Error: no reason"},
		{"select 1 from beacons where stream='/deploys' and data->>'version'='1.2.3'", arrow + "'version')='1.2.3', or put brackets around (data->>'version')"},
		{"select 1 from beacons where stream='/deploys' and data ->> 'n' = 1", arrow + "'n'), or put"},
		{"select 1 from beacons where stream='/deploys' and data->'n'=1", arrow + "'n'), or put"},
		{"select 1 from beacons where stream='/deploys' and data->>'version' like '1%'", arrow + "'version'), or put"},
	} {
		_, _, err := answer(t, p, Request{SQL: c.sql})
		if !errors.Is(err, ErrSQL) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200q: got %v, want %s", c.sql, err, c.want)
		}
	}
	if _, _, err := answer(t, p, Request{SQL: "select 'x'::int -- it's not ->> 'this'"}); err == nil || strings.Contains(err.Error(), "hint:") {
		t.Errorf("another conversion: got %v, want no hint", err)
	}
}

func TestField_BesideAnd_IsAnswered(t *testing.T) {
	p := newPool(t)
	for _, condition := range []string{
		"field(data, 'version')='1.2.3'", "field(data, 'version') in ('1.2.3')", "data.field('version')='1.2.3'", "(data->>'version')='1.2.3'", "field(data, '$.version') like '1%'",
	} {
		want(t, p, "select stream from beacons where stream='/deploys' and "+condition, `["/deploys"]`)
	}
}

func TestQuery_StatementThatWrites_IsRefused(t *testing.T) {
	p := newPool(t)
	for _, sql := range []string{
		"insert into beacons (stream) values ('x')", "with x as (select 1) insert into beacons (stream) select 'x' from x", "update beacons set stream = 'x'",
		"delete from beacons", "drop view beacons", "create temp table x as select 1", "create macro x() as 1", "alter view beacons rename to x",
		"export database '/tmp/beacons'", "attach ':memory:' as x", "rollback", "checkpoint", "vacuum", "analyze", "execute x", "deallocate x",
		"create type x as int", "create sequence x", "create schema x", "explain analyze delete from beacons",
		"merge into beacons using (select 1) on true when matched then delete",
	} {
		_, _, err := answer(t, p, Request{SQL: sql})
		if !errors.Is(err, ErrSQL) {
			t.Errorf("%s: got %v", sql, err)
		}
	}
}

func TestQuery_BrokenView_IsUnavailable(t *testing.T) {
	p := newPool(t)
	for _, view := range []string{"select * from read_parquet(['" + p.o.Dir + "/none.parquet'])", "select * from read_parquet(['/etc/passwd'])", "selec"} {
		if _, _, err := answer(t, p, Request{SQL: "select 1", View: view}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("view %s: got %v", view, err)
		}
	}
	want(t, p, "select 1", "[1]")
}

func TestQuery_ContextEnds_ProcessEnds(t *testing.T) {
	p := newPool(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := p.Query(ctx, Request{SQL: "select sum(hash(a.range, b.range)) from range(1000000) a, range(1000000) b", View: smallView})
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > hostileSlack {
		t.Errorf("got %v after %v", err, took)
	}
	// While rows are read.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	rows, err := p.Query(ctx, Request{SQL: "from range(5000000)", View: smallView})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if n++; n == 1000 {
			cancel()
		}
	}
	if !errors.Is(rows.Err(), context.Canceled) || n == 5000000 {
		t.Errorf("%d rows, then %v", n, rows.Err())
	}
	// On a busy machine the first context can end before a process was ready for the query.
	if s := p.Stats(); s.Killed < 1 || s.Killed > 2 || s.Ended != 0 {
		t.Errorf("got %+v, want 1 or 2 killed and 0 ended", s)
	}
}

func TestQuery_TooLong_SaysSo(t *testing.T) {
	p := newPool(t, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	for _, sql := range []string{
		"select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7",
		"with recursive r as (select 1 i union all select i + 1 from r) select max(i) from r",
	} {
		_, _, err := answer(t, p, Request{SQL: sql})
		if !errors.Is(err, ErrTime) || !strings.Contains(err.Error(), "longer than 300ms") || !strings.Contains(err.Error(), "--query-timeout") {
			t.Errorf("%s: got %v", sql, err)
		}
	}
	// Time that the reader takes does not count.
	rows, err := p.Query(t.Context(), Request{SQL: "from range(100000)", View: smallView})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	time.Sleep(p.o.Timeout + grace + 100*time.Millisecond)
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 100000 {
		t.Errorf("%d rows: %v", n, rows.Err())
	}
}

func TestQuery_TooMuchMemory_SaysSo(t *testing.T) {
	p := newPool(t, func(o *Options) { o.Memory = 96 })
	for _, sql := range []string{
		"select string_agg(repeat('x', 1000)) from range(1000000)",
		"select string_agg(range || repeat('x', 1000)) from range(1000000)",
		"from range(1000000000)",
	} {
		// A thread that can't be started for want of memory ends the process instead.
		_, _, err := answer(t, p, Request{SQL: sql})
		clean := errors.Is(err, ErrMemory) && strings.Contains(err.Error(), "more than the 96 MiB of memory")
		ended := errors.Is(err, ErrEnded) && strings.Contains(err.Error(), outOfMemory)
		if !clean && !ended || !strings.Contains(err.Error(), selectLess) {
			t.Errorf("%s: got %v", sql, err)
		}
	}
	want(t, p, "select count(*) from beacons", "[1]")
}

func TestRow_Large_EndsTheRows(t *testing.T) {
	p := newPool(t)
	if _, _, err := answer(t, p, Request{SQL: "select repeat('x', 40_000_000)"}); !errors.Is(err, ErrSQL) || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("got %v", err)
	}
	if _, lines, err := answer(t, p, Request{SQL: "select repeat('x', 30_000_000)"}); err != nil || len(lines) != 30_000_004 {
		t.Errorf("got %d bytes, %v", len(lines), err)
	}
}

func TestQuery_NoRowsIn_AreAnswered(t *testing.T) {
	p := newPool(t)
	columns, lines, err := answer(t, p, Request{SQL: "select stream, [1] as x from beacons where false"})
	if fmt.Sprint(columns) != "[stream x]" || lines != "" || err != nil {
		t.Errorf("got %v, %q, %v", columns, lines, err)
	}
}
