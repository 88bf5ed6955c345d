//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package query

import (
	"fmt"
	"strings"
	"testing"
)

func TestRow_EachType_IsJSON(t *testing.T) {
	p := newPool(t)
	cases := []struct{ sql, want string }{
		{"null", "null"},
		{"true", "true"},
		{"false", "false"},
		{"(-128)::tinyint", "-128"},
		{"(-32768)::smallint", "-32768"},
		{"(-2147483648)::int", "-2147483648"},
		{"255::utinyint", "255"},
		{"65535::usmallint", "65535"},
		{"4294967295::uinteger", "4294967295"},
		{"9223372036854775807", "9223372036854775807"},
		{"18446744073709551615::ubigint", "18446744073709551615"},
		{"170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
		{"340282366920938463463374607431768211455::uhugeint", "340282366920938463463374607431768211455"},
		{"'12345678901234567890123456789012345678901234567890'::bignum", "12345678901234567890123456789012345678901234567890"},
		{"sum(1)", "1"},
		{"1.50", "1.50"},
		{"-0.5::decimal(38, 10)", "-0.5000000000"},
		{"0.1::float", "0.1"},
		{"16777216::float", "16777216"},
		{"1e300", "1e+300"},
		{"1e-7::double", "1e-7"},
		{"'-0'::double", "-0"},
		{"1e21::float", "1e+21"},
		{"'nan'::double", `"NaN"`},
		{"'inf'::double", `"Infinity"`},
		{"'-inf'::float", `"-Infinity"`},
		{"'a\"b'", `"a\"b"`},
		{"''", `""`},
		{"'<é\u2028>'", "\"<é\\u2028>\""},
		{"chr(0) || 'x' || chr(10)", `"\u0000x\n"`},
		{"'twelve bytes'", `"twelve bytes"`},
		{"'thirteen byte'", `"thirteen byte"`},
		{"'x'::enum('x', 'y[]')", `"x"`},
		{"'0190a0b0-0000-7000-8000-000000000001'::uuid", `"0190a0b0-0000-7000-8000-000000000001"`},
		{"'text'::blob", `"text"`},
		{`'\xff\x00'::blob`, `{"base64":"/wA="}`},
		{"''::blob", `""`},
		{"timestamptz '2026-11-22 06:20:11.5+02'", `"2026-11-22T04:20:11.5Z"`},
		{"timestamptz 'infinity'", `"infinity"`},
		{"timestamp '2026-11-22 06:20:11.123456'", `"2026-11-22T06:20:11.123456Z"`},
		{"timestamp_s '2026-11-22 06:20:11'", `"2026-11-22T06:20:11Z"`},
		{"timestamp_ms '2026-11-22 06:20:11.123'", `"2026-11-22T06:20:11.123Z"`},
		{"timestamp_ns '2026-11-22 06:20:11.123456789'", `"2026-11-22T06:20:11.123456789Z"`},
		{"timestamp 'infinity'", `"infinity"`},
		{"timestamp '44-03-15 (BC) 12:00:00'", `"0044-03-15 (BC) 12:00:00"`},
		{"date_trunc('day', timestamptz '2026-11-22 23:30:00+00')", `"2026-11-22T00:00:00Z"`},
		{"date '2026-11-22'", `"2026-11-22"`},
		{"time '06:20:11'", `"06:20:11"`},
		{"timetz '06:20:11+02'", `"06:20:11+02"`},
		{"interval '1 month 2 days'", `"1 month 2 days"`},
		{`'{"b": 1.00000000000000000001, "a":[]}'::json`, `{"b":1.00000000000000000001,"a":[]}`},
		{`'{"a":"x"}'::json->'a'`, `"x"`},
		{`'{"a":"x"}'::json->>'a'`, `"x"`},
		{"[1, null]", "[1,null]"},
		{"[]", "[]"},
		{"[1, 2]::int[2]", "[1,2]"},
		{"null::int[]", "null"},
		{"['nan'::double, '-inf'::double, 1]", `["NaN","-Infinity",1.0]`},
		{`{'NaN': 'a "Infinity" \', 'b': 'inf'::double}`, `{"NaN":"a \"Infinity\" \\","b":"Infinity"}`},
		{`[{'a': '{"x":1}'::json}]`, `[{"a":{"x":1}}]`},
		{"map {'a': 1, 'b': 2}", `{"a":1,"b":2}`},
		{"map {[1]: 1}", `{"[1]":1}`},
		{"union_value(n := 1)", `{"n":1}`},
		{"1::variant is not null", "true"},
		{"1::variant", `"1"`}, // to_json makes a string of it
		{"'101'::bit", `"101"`},
	}
	// One query answers all: a process for each would take seconds.
	selected, wants := make([]string, len(cases)), make([]string, len(cases))
	for i, c := range cases {
		selected[i], wants[i] = fmt.Sprintf("(select %s) as c%d", c.sql, i), c.want
	}
	_, got, err := answer(t, p, Request{SQL: "select " + strings.Join(selected, ",\n")})
	if err != nil {
		t.Fatal(err)
	}
	if want := "[" + strings.Join(wants, ",") + "]"; got != want {
		for _, c := range cases { // find it
			if _, got, err := answer(t, p, Request{SQL: "select " + c.sql}); got != "["+c.want+"]" {
				t.Errorf("select %s: got %s, %v, want [%s]", c.sql, got, err, c.want)
			}
		}
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestRow_AllTypesOfTheEngine_AreAnswered(t *testing.T) {
	p := newPool(t)
	if _, lines, err := answer(t, p, Request{SQL: "from test_all_types()"}); err != nil || strings.Count(lines, "\n") != 2 {
		t.Errorf("got %s, %v", lines, err)
	}
}

func TestQuery_Zone_TimesAreInIt(t *testing.T) {
	p := newPool(t)
	const sql = "select received_at, received_at::timestamp, date_trunc('day', received_at), timestamptz '1890-01-01 00:00:00Z' from beacons"
	for _, c := range []struct{ zone, want string }{
		{"", `["2026-11-22T06:20:11Z","2026-11-22T06:20:11Z","2026-11-22T00:00:00Z","1890-01-01T00:00:00Z"]`},
		{"UTC", `["2026-11-22T06:20:11Z","2026-11-22T06:20:11Z","2026-11-22T00:00:00Z","1890-01-01T00:00:00Z"]`},
		{"Asia/Kolkata", `["2026-11-22T11:50:11+05:30","2026-11-22T11:50:11","2026-11-22T00:00:00+05:30","1890-01-01T05:21:10+05:21"]`},
		{"America/New_York", `["2026-11-22T01:20:11-05:00","2026-11-22T01:20:11","2026-11-22T00:00:00-05:00","1889-12-31T19:00:00-05:00"]`},
	} {
		if _, got, err := answer(t, p, Request{SQL: sql, Zone: c.zone}); err != nil || got != c.want {
			t.Errorf("zone %q: got %s, %v, want %s", c.zone, got, err, c.want)
		}
	}
	for _, zone := range []string{"Europe/Nowhere", "'; drop table x; --", "+25"} {
		if _, _, err := answer(t, p, Request{SQL: sql, Zone: zone}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("no time zone %q", zone)) {
			t.Errorf("zone %q: got %v", zone, err)
		}
	}
}

func TestRows_ManyRows_KeepTheirOrder(t *testing.T) {
	p := newPool(t)
	rows, err := p.Query(t.Context(), Request{SQL: "select range, [range] from range(50000) order by range desc", View: smallView})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 49999
	for ; rows.Next(); n-- {
		if got, want := string(rows.Row()), fmt.Sprintf("[%d,[%[1]d]]", n); got != want {
			t.Fatalf("row %d: got %s, want %s", n, got, want)
		}
	}
	if rows.Err() != nil || n != -1 {
		t.Errorf("ended at %d: %v", n, rows.Err())
	}
}

func TestRows_EqualNames_AreNumbered(t *testing.T) {
	p := newPool(t)
	columns, _, err := answer(t, p, Request{SQL: `select 1 as a, 2 as a, count(*), 'x' as "quo""te", 3 as A, 4 as a_1`})
	if got, want := fmt.Sprint(columns), `[a a_1 count_star() quo"te A_2 a_1_1]`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
