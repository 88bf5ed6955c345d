//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// inJSON returns the rows as they would go to somebody who asked.
func (b *bench) inJSON(query string) string {
	b.Helper()
	columns, rows := b.result(query)
	var lines []string
	for _, values := range rows {
		for i, v := range values {
			j, err := json.Marshal(v)
			if err != nil {
				b.Errorf("%s: %v (%T) is not for JSON: %v", columns[i], v, v, err)
			}
			lines = append(lines, string(j))
		}
	}
	return strings.Join(lines, "\n")
}

func TestAValueIsJSON(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ sql, want string }{
		{"null", "null"},
		{"true", "true"},
		{"9223372036854775807", "9223372036854775807"},
		{"18446744073709551615::ubigint", "18446744073709551615"},
		{"170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
		{"sum(1)", "1"},
		{"1.50", "1.50"},
		{"-0.5::decimal(38, 10)", "-0.5000000000"},
		{"0.1::float", "0.1"},
		{"1e300", "1e+300"},
		{"'nan'::double", `"NaN"`},
		{"'-inf'::float", `"-Infinity"`},
		{"'a\"b'", `"a\"b"`},
		{"'x'::enum('x', 'y[]')", `"x"`},
		{"'0190a0b0-0000-7000-8000-000000000001'::uuid", `"0190a0b0-0000-7000-8000-000000000001"`},
		{"'text'::blob", `"text"`},
		{`'\xff\x00'::blob`, `{"base64":"/wA="}`},
		{"timestamptz '2026-11-22 06:20:11.5+02'", `"2026-11-22T04:20:11.5Z"`},
		{"timestamp '2026-11-22 06:20:11.123456'", `"2026-11-22T06:20:11.123456Z"`},
		{"timestamp_ns '2026-11-22 06:20:11.123456789'", `"2026-11-22T06:20:11.123456789Z"`},
		{"timestamp 'infinity'", `"infinity"`},
		{"timestamp '44-03-15 (BC) 12:00:00'", `"0044-03-15 (BC) 12:00:00"`},
		{"date_trunc('day', timestamptz '2026-11-22 23:30:00+00')", `"2026-11-22T00:00:00Z"`},
		{"date '2026-11-22'", `"2026-11-22"`},
		{"time '06:20:11'", `"06:20:11"`},
		{"interval '1 month 2 days'", `"1 month 2 days"`},
		{`'{"b":1.00000000000000000001,"a":[]}'::json`, `{"b":1.00000000000000000001,"a":[]}`},
		{`'{"a":"x"}'::json->'a'`, `"x"`},
		{`'{"a":"x"}'::json->>'a'`, `"x"`},
		{"[1, null]", "[1,null]"},
		{"[]", "[]"},
		{"null::int[]", "null"},
		{"['nan'::double, '-inf'::double, 1]", `["NaN","-Infinity",1.0]`},
		{`{'NaN': 'a "Infinity" \', 'b': 'inf'::double}`, `{"NaN":"a \"Infinity\" \\","b":"Infinity"}`},
		{`[{'a': '{"x":1}'::json}]`, `[{"a":{"x":1}}]`},
		{"map {'a': 1, 'b': 2}", `{"a":1,"b":2}`},
		{"map {[1]: 1}", `{"[1]":1}`},
		{"1::variant is not null", "true"},
		{"'101'::bit", `"101"`},
	} {
		if got := b.inJSON("select " + c.sql); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
	b.inJSON("from test_all_types()")
	b.inJSON("select 1::variant, [1::variant]")
}

func TestAQueryIsOneSELECT(t *testing.T) {
	b := newBench(t)
	stop := b.drain()
	b.put(record(1, "text/plain", "x"))
	b.caughtUp()
	for _, query := range []string{
		"select count(*) from beacons", "select 1;", "select 1; -- done", "select 1 /* ; */ ;;", "-- first\nselect 'it''s'", "SELECT $$;$$",
		"with x as (select 1) from x", "from beacons", "table beacons", "values (1)", "(select 1) union all (select 2)",
		"describe beacons", "describe select 1", "show tables", "show all tables", "summarize beacons",
		"explain select 1", "explain (format json) select 1", "EXPLAIN FROM beacons",
		"from duckdb_tables()", "from json_each('[1]')", "from range(3)", "select unnest([1, 2])",
		"pivot beacons on kind in ('text') using count(*)", "from pragma_table_info('beacons')",
	} {
		rows, err := b.db.Query(t.Context(), query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		for rows.Next() {
			if _, err := rows.Scan(); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", query, err)
		}
		rows.Close()
	}
	for _, c := range []struct{ query, err string }{
		{"select x from beacons", `"x" not found`},
		{"selec 1", "syntax error"},
		{"", "empty query"},
		{"-- nothing", "empty query"},
		{"select 1\x00; drop table beacons", "NUL"},
		{"select 1; drop table beacons", "only SELECT"},
		{"select 1; select 2", "several statements"},
		{"select 1) as t(c0); drop table beacons; --", "syntax error"},
		{"commit; drop table beacons", "only SELECT"},
		{"select ?", "parameter"},
		{"explain select ?", "parameter"},
		{"insert into beacons (id) values (uuid())", "only SELECT"},
		{"insert into beacons (id) values (uuid()) returning id", "only SELECT"},
		{"with x as (select 1) insert into beacons (id) select uuid() from x", "only SELECT"},
		{"update beacons set kind = 'x'", "only SELECT"},
		{"delete from beacons", "only SELECT"},
		{"drop table beacons", "only SELECT"},
		{"create temp table x as select 1", "only SELECT"},
		{"create macro x() as 1", "only SELECT"},
		{"copy beacons to '/tmp/beacons.csv'", "only SELECT"},
		{"copy (select 1) to '/tmp/beacons.csv'", "only SELECT"},
		{"copy beacons from '/etc/passwd'", "only SELECT"},
		{"export database '/tmp/beacons'", "only SELECT"},
		{"attach '/tmp/beacons.duckdb'", "only SELECT"},
		{"detach beacons", "only SELECT"},
		{"install httpfs", "only SELECT"},
		{"load httpfs", "only SELECT"},
		{"set threads = 1", "only SELECT"},
		{"reset memory_limit", "only SELECT"},
		{"begin", "only SELECT"},
		{"commit", "only SELECT"},
		{"checkpoint", "only SELECT"},
		{"vacuum", "only SELECT"},
		{"pragma enable_profiling", "only SELECT"},
		{"call enable_logging()", "only SELECT"},
		{"prepare x as select 1", "only SELECT"},
		{"explain analyze commit", "only EXPLAIN SELECT"},
		{"explain analyze delete from beacons", "only EXPLAIN SELECT"},
		{"explain (analyze) select 1", "only EXPLAIN SELECT"},
		{"explain analyze from enable_logging()", "only EXPLAIN SELECT"},
		{"select * from read_text('/etc/passwd')", "read_text is not answered"},
		{"from '/etc/passwd'", "would be a file"},
		{"describe '/etc/passwd'", "would be a file"},
		{"describe from read_text('/etc/passwd')", "read_text is not answered"},
		{"from read_csv('/etc/passwd')", "read_csv is not answered"},
		{"from glob('/etc/*')", "glob is not answered"},
		{"from sniff_csv('/etc/passwd')", "sniff_csv is not answered"},
		{"from parquet_metadata('/etc/passwd')", "parquet_metadata is not answered"},
		{"from checkpoint()", "checkpoint is not answered"},
		{"from force_checkpoint()", "force_checkpoint is not answered"},
		{"from enable_logging(storage='file', storage_path='/tmp/log')", "enable_logging is not answered"},
		{"select (select 1 from enable_logging())", "enable_logging is not answered"},
		{"with recursive r as (select 1 i union all select i + 1 from r, enable_logging() where i < 3) from r", "enable_logging is not answered"},
		{"from query('from enable_' || 'logging()')", "query is not answered"},
		{"from query_table('beacons')", "query_table is not answered"},
		{"from json_execute_serialized_sql(json_serialize_sql('from enable_logging()'))", "json_execute_serialized_sql is not answered"},
	} {
		rows, err := b.db.Query(t.Context(), c.query)
		if err == nil {
			rows.Close()
			t.Errorf("%s: was answered", c.query)
		} else if !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.query, err)
		}
	}

	// Nothing of it had an effect, and the sink goes on.
	b.put(record(2, "text/plain", "y"))
	b.caughtUp()
	b.want("select id, kind from beacons order by id", id(1).String()+" | text\n"+id(2).String()+" | text")
	b.want("select value from duckdb_settings() where name in ('enable_logging', 'enable_profiling') and value not in ('false', '0')", "")
	stop()
}

func TestAQueryEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := b.db.Query(ctx, "select sum(hash(a.range, b.range)) from range(1000000) a, range(1000000) b")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	b.want("select 1::bigint", "1")
}

func TestAQuerySeesOneMoment(t *testing.T) {
	b := newBench(t)
	b.drain()
	b.put(record(0, "text/plain", "x"))
	b.caughtUp()
	rows, err := b.db.Query(t.Context(), "select count(*) from beacons a union all select count(*) from beacons")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for n := range 20 {
		b.put(record(n+1, "text/plain", "x"))
	}
	b.caughtUp()
	for rows.Next() {
		if values, err := rows.Scan(); err != nil || fmt.Sprint(values) != "[1]" {
			t.Error(values, err)
		}
	}
	b.want("select count(*) from beacons", "21")
}

func TestTheOrderOfAQueryIsKept(t *testing.T) {
	b := newBench(t)
	want := make([]string, 5000)
	for i := range want {
		want[i] = fmt.Sprint(len(want) - 1 - i)
	}
	b.want("select range from range(5000) order by range desc", strings.Join(want, "\n"))
}

func TestColumnsHaveNamesOfTheirOwn(t *testing.T) {
	b := newBench(t)
	rows, err := b.db.Query(t.Context(), `select 1 as a, 2 as a, count(*), 'x' as "quo""te"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got := fmt.Sprint(rows.Columns()); got != `[a a_1 count_star() quo"te]` {
		t.Error(got)
	}
}
