//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostile are queries that end a process, or take its memory or time, or look at what is not
// theirs. TABLE is the folder of the table, SECRET a file outside of it, OTHER the folder of another
// process.
var hostile = []struct {
	name    string
	allowed []error // nil among them is an answer
	queries []string
}{
	{"crash", []error{nil, ErrEnded, ErrSQL, ErrMemory, ErrTime}, []string{
		crash,
		"select lead(x, -9223372036854775808) over () from range(10) t(x)",
		"select lag(x, 9223372036854775807) over () from range(10) t(x)",
		"select nth_value(x, 9223372036854775807) over () from range(10) t(x)",
		"select ntile(9223372036854775807) over () from range(10)",
		"select sum(x) over (rows between 9223372036854775807 preceding and 9223372036854775807 following) from range(10) t(x)",
		"select sum(x) over (order by x range between 9223372036854775807 preceding and current row) from range(10) t(x)",
		"select json_structure(data->>'payload') from beacons",
		"select json_structure(payload::json) from (select data->>'payload' payload from beacons where id = 0)",
		"select json_transform(data->>'payload', '[[[\"JSON\"]]]') from beacons",
		"select json_valid(data->>'payload'), json_type(data->>'payload'), json_pretty(data->>'payload') from beacons",
		"select json_serialize_sql('select ' || repeat('(', 200000) || '1' || repeat(')', 200000))",
		"select json_deserialize_sql(json_serialize_sql('select 1 union all select 2'))",
		"select json_deserialize_sql('{\"error\":false,\"statements\":[{\"node\":{\"type\":\"SET_OPERATION_NODE\"}}]}')",
		"from json_execute_serialized_sql('{\"error\":false,\"statements\":[]}')",
		"select " + strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000),
		"select " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"select " + strings.Repeat("-", 1) + strings.Repeat(" -", 100_000) + " 1",
		"select " + strings.Repeat("not ", 100_000) + "true",
		"select " + strings.Repeat("abs(", 50_000) + "1" + strings.Repeat(")", 50_000),
		"select " + strings.Repeat("case when true then ", 10_000) + "1" + strings.Repeat(" end", 10_000),
		"select 1" + strings.Repeat("::int", 50_000),
		"select 1" + strings.Repeat(" + 1", 200_000),
		"select 'x'" + strings.Repeat(" || 'x'", 100_000),
		"select " + strings.Repeat("(select ", 1000) + "1" + strings.Repeat(")", 1000),
		"select 1" + strings.Repeat(" union all select 1", 5_000),
		"select 1 where 1 in (" + strings.Repeat("1, ", 100_000) + "1)",
		"select 1 where random() in (" + strings.Repeat("random(), ", 50_000) + "1)",
		"select * from beacons" + strings.Repeat(" natural join beacons", 50),
		"select 1 from range(2) a0" + strings.Repeat(", range(2)", 60),
		"with " + strings.Repeat("a as (select 1), ", 2000) + "b as (select 1) from b",
		"select " + strings.Repeat("1,", 30_000) + "1",
		"select struct_pack(" + strings.Repeat("a := struct_pack(", 2000) + "a := 1" + strings.Repeat(")", 2001),
		"select x" + strings.Repeat(".x", 10_000) + " from (select 1 x)",
		"select " + strings.Repeat("list_transform([1], x -> ", 50) + "1" + strings.Repeat(")", 50),
		"select cast('" + strings.Repeat("[", 100_000) + "' as int[])",
		"select cast(1 as " + strings.Repeat("struct(a ", 5000) + "int" + strings.Repeat(")", 5000) + ")",
		"select cast(null as int" + strings.Repeat("[]", 20_000) + ")",
		"select * from (values " + strings.Repeat("(1), ", 100_000) + "(1))",
		"select /* " + strings.Repeat("/* ", 100_000) + " 1",
		"select '" + strings.Repeat("''", 400_000) + "'",
		"select \"" + strings.Repeat("x", 900_000) + "\"",
		"select $" + strings.Repeat("a", 100_000) + "$ x",
		"select x'" + strings.Repeat("f", 200_001) + "'",
		"select 1e" + strings.Repeat("9", 100_000),
		"select " + strings.Repeat("9", 100_000),
		"select interval '" + strings.Repeat("9", 50_000) + " years'",
		"select strptime(repeat('1', 100000), repeat('%Y', 50000))",
		"select strftime(now(), repeat('%Y', 1000000))",
		"select (-9223372036854775808) // -1, (-9223372036854775808) % -1, abs(-9223372036854775808)",
		"select (-170141183460469231731687303715884105728)::hugeint // -1",
		"select bitstring('1', 10)::bit << 2147483647, '1'::bit >> -1",
		"select get_bit('1'::bit, 9223372036854775807), set_bit('1'::bit, -1, 1)",
		"select substring('é', -9223372036854775808, 9223372036854775807), left('é', -9223372036854775808), array_slice([1], -9223372036854775808, 9223372036854775807, 1)",
		"select list_slice([1, 2, 3], 1, 3, -9223372036854775808), list_extract([1], -9223372036854775808), [1][-9223372036854775808:]",
		"select instr('', ''), split_part('x', '', 0), regexp_extract('x', '', 99), string_split('', ''), translate('', '', '')",
		"select make_date(2147483647, 1, 1), make_timestamp(9223372036854775807), to_timestamp(1e300), epoch_ms(9223372036854775807)",
		"select date '290000-01-01' + interval '999999999 years', timestamp 'infinity' - timestamp '-infinity', age(timestamp 'infinity')",
		"select time_bucket(interval '0 days', now()), time_bucket(interval '1 month', timestamp 'infinity'), date_diff('ns', timestamp '-290000-01-01', timestamp '290000-01-01')",
		"select generate_series(timestamp '-290000-01-01', timestamp '290000-01-01', interval '-1 second')",
		"select quantile_cont(x, [-1, 2, 'nan'::double]) from range(10) t(x)",
		"select quantile_disc(x, []) from range(10) t(x)",
		"select approx_quantile(x, 'nan'::float), reservoir_quantile(x, 0.5, 2147483647) from range(10) t(x)",
		"select histogram(x, []), approx_top_k(x, 999999), mode(x), entropy(x) from range(10) t(x)",
		"select arg_max(x, x, 999999), max(x, 999999) from range(10) t(x)",
		"select * from beacons tablesample reservoir(9223372036854775807)",
		"select * from beacons using sample 1e300 percent",
		"select * from range(10) limit -1",
		"select * from range(10) limit 9223372036854775807 offset 9223372036854775807",
		"select * from range(10) limit (select -1) offset (select 1e300)",
		"from range(9223372036854775807, -9223372036854775808, -1) limit 1",
		"from range(timestamp '-infinity', timestamp 'infinity', interval '1 day') limit 1",
		"from repeat(1, 9223372036854775807) limit 1",
		"from repeat_row(1, 2, num_rows := 9223372036854775807) limit 1",
		"from test_vector_types(null::int[], null::struct(a varchar))",
		"from test_all_types(use_large_enum := true)",
		"select columns(*)::varchar from test_all_types()",
		"select to_json(t) from test_all_types() t",
		"select hash(t), t::varchar, [t] from test_all_types() t",
		"from sql_auto_complete('select ' || repeat('(', 10000))",
		"from query('from query(''from query(''''select 1'''')'')')",
		"from unnest(array[array[array[1]]], recursive := true)",
		"select unnest({'a': {'b': {'c': 1}}}, recursive := true)",
		"pivot (select range i, range % 1000 j from range(100000)) on j in (" + strings.Repeat("1, ", 5000) + "2) using sum(i)",
		"select * from range(10) a asof join range(10) b on a.range >= b.range",
		"select * from (select 1 as x) positional join range(1000000) limit 1",
		"select (select x from range(10) t(x) where x = y.y limit 1 offset 9223372036854775807) from range(10) y(y)",
		"summarize select * from test_all_types()",
		"select st_geomfromtext('POINT(1 1)'), 'x'::geometry",
		"select 'POINT(' || repeat('1', 100000) || ')'::geometry",
		"select create_sort_key(t, 'asc') from test_all_types() t",
		"select parse_path(repeat('/', 10000)), parse_dirpath(''), parse_filename(repeat('\\', 100))",
		"select format('{:{}}', 1, 99999999), format('{' || repeat('{', 1000), 1), printf('%n%s%*d', 1)",
	}},
	{"memory", []error{nil, ErrMemory, ErrEnded, ErrTime, ErrSQL, ErrDisk}, []string{
		"select length(range((select 1000000000)))",
		"select length(repeat('x', (select 2000000000)))",
		"select length(list_resize([1], (select 1000000000)))",
		"select length(repeat([1], (select 1000000000)))",
		"select length(string_agg(x)) from range(1000000000) t(x)",
		"select histogram(x) from range(100000000) t(x)",
		"select quantile_cont(x, 0.5), median(x), mad(x) from range(1000000000) t(x)",
		"select list_sum(list_transform(range(3), lambda x: len(repeat('x', (select 1000000000)::int))))",
		"select [range(i) for i in range(100000)]",
		"select repeat(repeat(repeat('x', 10000), 10000), 10000)",
		"select length(replace(repeat('a', 100000), 'a', repeat('b', 100000)))",
		"select levenshtein(repeat('a', 100000), repeat('b', 100000)), jaccard(repeat('a', 100000), 'b')",
		"select format('{:>2000000000}', 'x'), printf('%2000000000d', 1)",
		"select length(to_json(range(100000000))::varchar)",
		"select json_group_array(x), json_group_object(x, x) from range(100000000) t(x)",
		"select map_from_entries(list((x, x))) from range(10000000) t(x)",
		"select x, count(*) from range(1000000000) t(x) group by x order by 2 limit 1",
		"select * from range(1000000000) t(x) order by hash(x) limit 1 offset 999999999",
		"select count(*) from range(100000000) a(x) join range(100000000) b(x) on hash(a.x) = hash(b.x)",
		"with recursive r as (select repeat('x', 1000) x union all select x || x from r) select max(length(x)) from r",
		"from range(1000000000)",
		"select encode(repeat('x', 500000000))::varchar, base64(encode(repeat('x', 500000000))), md5(repeat('x', 500000000))",
		"select array_to_string(range(100000000), ',')",
		"select string_split(repeat('x,', 100000000), ',')",
		"select unnest(range(1000000000))",
		"select approx_count_distinct(x), bitstring_agg(x, 0, 1999999999) from range(10) t(x)",
		"select * from range(100000000) tablesample reservoir(50000000)",
		"select min(x, 100000000) from range(1000000000) t(x)",
		"pivot (select range i from range(100000)) on i in (select range from range(10000)) using sum(i)",
	}},
	{"time", []error{ErrTime, ErrMemory, ErrSQL, ErrDisk, nil}, []string{
		"with recursive r as (select 1 i union all select i + 1 from r) select max(i) from r",
		"with recursive r(i, j) as (select 1, 1 union select j, i + j % 1000003 from r) select count(*) from r",
		"select count(*) from range(1000000) a(i), range(1000000) b(j) where hash(i + j) = 7",
		"select count(*) from range(1000000000000) t(x) where hash(x) = 1",
		"select sum(sin(x)) from range(100000000000) t(x)",
		"select regexp_matches(repeat('a', 1000000) || 'b', '(a+)+$')",
		"select regexp_matches(repeat('a', 100000), '(a?){1000}a{1000}')",
		"select regexp_replace(repeat('a', 1000000), '(.*)*x', 'y', 'g')",
		"select repeat('a', 100000) like repeat('%a', 10000) || 'b'",
		"select list_reduce(range(100000000), lambda x, y: (x * y) % 1000003)",
		"select list_sum([i * j for i in range(10000) for j in range(10000)])",
		"select list_aggregate(list_transform(range(10000), lambda x: list_sum(range(10000))), 'sum')",
		"select editdist3(repeat('ab', 50000), repeat('ba', 50000))",
		"select damerau_levenshtein(repeat('ab', 3000), repeat('ba', 3000))",
		"select count(*) from range(3000) a(i), range(3000) b(j), range(3000) c(k) where levenshtein(i::varchar, j::varchar || k) = 1",
		"select max(x) from (select (select count(*) from range(1000000) b(y) where y > x and hash(y) % 7 = x % 7) x from range(1000000) a(x))",
		"select count(*) from range(100000) a(x) join range(100000) b(y) on a.x < b.y and a.x + b.y > 5",
		"select pg_sleep(10)", "select sleep_ms(10000)",
		"select factorial(20000), gamma(1e300), lgamma(1e300), even(1e300)",
	}},
	{"files and network", []error{ErrSQL}, []string{
		"from read_text('SECRET')", "from read_blob('SECRET')", "from read_csv('SECRET')", "from read_csv_auto('SECRET')", "from 'SECRET'", "from read_json('SECRET')",
		"from read_json_objects('SECRET')", "from read_ndjson('SECRET')", "from read_parquet('SECRET')", "from parquet_scan('SECRET')", "from parquet_schema('SECRET')",
		"from parquet_metadata('SECRET')", "from parquet_file_metadata('SECRET')", "from parquet_kv_metadata('SECRET')", "from sniff_csv('SECRET')", "from glob('SECRET')",
		"from glob('SECRET*')", "from glob('/etc/*')", "from glob('/**')", "from '/etc/passwd'", "from read_text('/etc/passwd')", "from read_text('/proc/self/environ')",
		"from read_text('TABLE/../secret.txt')", "from read_text('TABLE/x/../../secret.txt')", "from read_text('file://SECRET')", "from read_text(['TABLE/t.parquet', 'SECRET'])", "from read_blob('OTHER/*')", "from glob('OTHER/../*')",
		"describe from 'SECRET'", "summarize 'SECRET'", "explain from read_csv('SECRET')", "from query('from read_text(''SECRET'')')", "from query_table('SECRET')",
		"select (select content from read_text('SECRET'))", "with x as materialized (from read_text('SECRET')) from x", "from read_duckdb('SECRET')",
		"from json_execute_serialized_sql(json_serialize_sql('from read_text(''SECRET'')'))",
		"from read_text('/dev/stdin')", "from read_csv('/dev/fd/0')", "from read_text('/sys/fs/cgroup/cgroup.procs')", "from read_text('~/.ssh/id_rsa')", "from read_text('.')",
		"from 'http://127.0.0.1:1/x.parquet'", "from read_csv('https://example.com/x.csv')", "from 's3://bucket/x.parquet'", "from read_text('hf://datasets/x')", "from 'gcs://bucket/x'", "from 'az://x/y'",
		"from sqlite_scan('SECRET', 'x')", "from postgres_scan('host=127.0.0.1', 'x', 'y')", "from iceberg_scan('x')", "from delta_scan('x')", "from st_read('SECRET')", "from read_xlsx('SECRET')",
		"select getenv('HOME')",
		"attach 'SECRET' as x", "attach 'TABLE/x.duckdb'", "attach 'https://example.com/x.duckdb'", "install httpfs", "load 'SECRET'", "load httpfs",
		"copy beacons to 'SECRET'", "copy beacons to 'TABLE/x.csv'", "copy (select 1) to '/dev/stdout'", "copy beacons from 'SECRET'", "export database 'TABLE/x'", "import database 'TABLE'",
		"select * from (copy beacons to 'TABLE/x.csv' (return_stats))", "explain analyze copy beacons to 'TABLE/x.csv'", "from write_log('x', disable_logging := false, return_value := 1)",
	}},
	{"settings and state", []error{ErrSQL}, []string{
		"set memory_limit = '100GB'", "set threads = 64", "set enable_external_access = true", "set lock_configuration = false", "reset lock_configuration", "set global allowed_directories = ['/']",
		"set temp_directory = 'TABLE'", "set TimeZone = 'Asia/Tokyo'", "set custom_user_agent = 'x'", "pragma memory_limit = '100GB'", "pragma enable_profiling", "pragma enable_checkpoint_on_shutdown", "set variable x = 1",
		"call enable_logging()", "call force_checkpoint()", "create secret x (type s3)", "create persistent secret x (type s3)", "begin transaction", "use system", "detach temp",
		"prepare x as select 1", "select 1; select 2", "select 1; copy beacons to 'SECRET'", "create or replace temp view beacons as select 1", "create or replace temp macro field(a, b) as 1", "drop macro field",
		"select nextval('x')", "select currval('x')", "update extensions", "load json", "comment on view beacons is 'x'", "select set_config('threads', '1', false)",
	}},
	{"side effects", []error{nil, ErrSQL, ErrTime}, []string{
		"from enable_logging()", "from enable_logging(storage = 'stdout')", "from enable_logging(storage = 'file', storage_path = 'SECRET.log')", "from enable_logging(storage = 'file', storage_path = 'TABLE/log')", "from enable_logging('QueryLog', storage = 'memory')",
		"from set_log_level('trace')", "from disable_logging()", "from truncate_duckdb_logs()", "from enable_profiling()", "from enable_profiling(save_location = 'TABLE/profile.json')", "from checkpoint()", "from force_checkpoint()",
		"select write_log('x', level := 'error')", "select setseed(0.5)", "from duckdb_settings()", "from duckdb_secrets()", "from duckdb_memory()", "from duckdb_temporary_files()", "from duckdb_extensions()",
		"from pragma_user_agent()", "from duckdb_logs()", "select current_setting('allowed_directories')", "select version(), current_user, pg_backend_pid()", "from pragma_database_size()", "from duckdb_functions()", "from pragma_platform()",
		"from read_text('data:text/plain,x')", "from which_secret('s3://x', 's3')",
	}},
}

// hostileTimeout is short, so that the queries that run into it don't make the test long.
const hostileTimeout = time.Second

func TestHostile_EachQuery_EndsInItsBoundAndOthersAreAnswered(t *testing.T) {
	p := newPool(t, func(o *Options) { o.Timeout = hostileTimeout })
	view := hostileTable(t, p)
	secret := filepath.Join(filepath.Dir(p.o.Dir), "secret.txt")
	other := filepath.Join(p.o.Temp, processPrefix+"other")
	if err := errors.Join(os.WriteFile(secret, []byte("secret\n1\n"), 0o600), os.Mkdir(other, 0o700)); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("SECRET", filepath.ToSlash(secret), "TABLE", filepath.ToSlash(p.o.Dir), "OTHER", filepath.ToSlash(other))
	files := tree(t, filepath.Dir(p.o.Dir), p.o.Temp)

	ctx, stop := context.WithCancel(t.Context())
	slowest := make(chan time.Duration, 1)
	go func() { slowest <- askOften(ctx, t, p, view) }()
	var workers sync.WaitGroup
	turns := make(chan struct{}, maxRunning-1)
	n := 0
	for _, group := range hostile {
		if group.name == "memory" && runtime.GOOS != "linux" {
			continue // memory_limit alone lets them take all memory of the machine
		}
		for _, sql := range group.queries {
			n++
			turns <- struct{}{}
			workers.Go(func() {
				defer func() { <-turns }()
				checkHostile(t, p, group.name, group.allowed, Request{SQL: names.Replace(sql), View: view})
			})
		}
	}
	workers.Wait()
	stop()
	t.Logf("%d hostile queries; slowest answer of the other user: %v; %+v", n, <-slowest, p.Stats())
	if n < 150 {
		t.Errorf("%d queries, want 150", n)
	}
	if left := tree(t, filepath.Dir(p.o.Dir), p.o.Temp); left != files {
		t.Errorf("files before:\n%s\nafter:\n%s", files, left)
	}
	checkMemory(t, p.o.Memory)
}

// checkHostile runs one query and checks how it ends.
func checkHostile(t *testing.T, p *Pool, name string, allowed []error, r Request) {
	began := time.Now()
	rows, err := p.Query(t.Context(), r)
	if took := time.Since(began); took > hostileTimeout+grace+3*time.Second {
		t.Errorf("%s: %.200s took %v", name, r.SQL, took)
	}
	if err == nil {
		for rows.Next() {
			if strings.Contains(string(rows.Row()), "secret\\n1") {
				t.Errorf("%s: %.200s answers %s", name, r.SQL, rows.Row())
			}
		}
		err = rows.Err()
		rows.Close()
	}
	for _, kind := range allowed {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("%s: %.200s: got %.500v, want one of %v", name, r.SQL, err, allowed)
}

// askOften is another user, and returns the longest that it waited for an answer.
func askOften(ctx context.Context, t *testing.T, p *Pool, view string) (slowest time.Duration) {
	for ctx.Err() == nil {
		began := time.Now()
		_, got, err := answer(t, p, Request{SQL: "select count(*) from beacons", View: view})
		took := time.Since(began)
		slowest = max(slowest, took)
		if err != nil || got != "[1000]" || took > 5*time.Second {
			t.Errorf("the other user got %s, %v after %v", got, err, took)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return slowest
}

// hostileTable writes a table and returns its view. One beacon is 800 KB of brackets.
func hostileTable(t *testing.T, p *Pool) string {
	t.Helper()
	x, err := p.Export(t.Context(), Request{View: `select range as id, '/x' as stream, 'x'::blob as body,
		json_object('payload', case when range = 0 then repeat('[', 800000) else range::varchar end) as data from range(1000)`}, Parquet)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.o.Dir, "t.parquet")
	if err := errors.Join(os.Rename(x.Name(), path), x.Close()); err != nil {
		t.Fatal(err)
	}
	return "select * from read_parquet(['" + filepath.ToSlash(path) + "'])"
}

// tree lists the files below dir without those below except.
func tree(t *testing.T, dir, except string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if path == except {
			return filepath.SkipDir
		}
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}
