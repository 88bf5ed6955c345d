//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package table

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// engine returns an engine with the view of all files in the table.
func (h *harness) engine() *sql.DB {
	h.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		h.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	h.Cleanup(func() { db.Close() })
	files, _ := h.table.files()
	for _, statement := range []string{"set TimeZone = 'UTC'", "create view beacons as " + viewSQL(h.tableDir(), files, h.table.options.Columns)} {
		if _, err := db.Exec(statement); err != nil {
			h.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

// query returns an answer with a text for each value.
func query(t testing.TB, db *sql.DB, text string) (answer [][]string) {
	t.Helper()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		var one []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			one = append(one, v.String)
		}
		answer = append(answer, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return answer
}

// wantTypes compares the view's columns.
func wantTypes(t testing.TB, db *sql.DB, declared ...string) {
	t.Helper()
	var got []string
	for _, r := range query(t, db, "select column_name, column_type from (describe beacons)") {
		got = append(got, r[0]+" "+strings.ToLower(r[1]))
	}
	var want []string
	for _, f := range fields {
		want = append(want, f.name+" "+strings.Replace(f.typ, "timestamptz", "timestamp with time zone", 1))
	}
	if want = append(want, declared...); !slices.Equal(got, want) {
		t.Errorf("columns of the view:\ngot  %v\nwant %v", got, want)
	}
}

func TestView_EmptyTable_HasAllColumns(t *testing.T) {
	h := newHarness(t, Options{Columns: []Column{{"value", "double", "$.value", ""}}})
	db := h.engine()
	wantTypes(t, db, "value double")
	if got := query(t, db, "select count(*), min(received_at) from beacons"); !reflect.DeepEqual(got, [][]string{{"0", "NULL"}}) {
		t.Errorf("got %v", got)
	}
}

// selectAll has each value as a text that storedText makes of a row too.
const selectAll = `select id::varchar, epoch_us(received_at), epoch_us(sent_at), stream, query, origin, referrer, user_agent, ip, content_type, kind, hex(body), data::varchar, error, bot, browser, os, device, visitor, country, bot_reason from beacons order by id`

func storedText(r stored) (all []string) {
	text := func(v any) string {
		if v == nil {
			return "NULL"
		}
		return fmt.Sprint(v)
	}
	body := r["body"]
	if body == nil {
		body = r["data"]
	}
	for _, f := range fields {
		v := text(r[f.name])
		if f.name == "body" {
			v = fmt.Sprintf("%X", body)
		}
		all = append(all, v)
	}
	return all
}

func TestView_AllKindsOfRows_HasTheirValues(t *testing.T) {
	h := newHarness(t, Options{})
	h.put(record(1), textRecord(2, "text/plain", "a\x00\xff😀"), textRecord(3, "application/octet-stream", "\x00\xff"), textRecord(4, "application/json", `{"a": "\ud800"}`),
		textRecord(5, "", ""), textRecord(6, "application/json", " null "), textRecord(7, "application/json", `{"a":1e999,"b":[1, 2],"a":2}`),
		at(record(8), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)), at(record(9), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)), at(record(10), time.Date(1969, 12, 31, 0, 0, 0, 1000, time.UTC)),
		textRecord(11, "text/plain", strings.Repeat("long", 100_000)))
	for n := range 50 {
		h.put(webVital(100 + n))
	}
	h.drain()
	check := func() {
		t.Helper()
		rows := h.rows()
		slices.SortFunc(rows, func(a, b stored) int { return strings.Compare(a.id().String(), b.id().String()) })
		got := query(t, h.engine(), selectAll)
		if len(got) != len(rows) {
			t.Fatalf("rows: got %d, want %d", len(got), len(rows))
		}
		for i, r := range rows {
			if want := storedText(r); !slices.Equal(got[i], want) {
				t.Errorf("row %v:\ngot  %.300q\nwant %.300q", r.id(), got[i], want)
			}
		}
	}
	wantTypes(t, h.engine())
	check()
	h.compactAll(time.Now().Add(50 * time.Hour))
	check()
}

func TestView_FilesWithAndWithoutColumns_HaveTheSameValues(t *testing.T) {
	h := newHarness(t, Options{})
	some := func(from int) (all []warc.Record) {
		for n := range 30 {
			all = append(all, webVital(from+n), textRecord(from+50+n, "text/plain", "no JSON"), textRecord(from+100+n, "application/json", fmt.Sprintf(`{"value":"%d","n":%d.5}`, n, n)))
		}
		return all
	}
	h.putAndFlush(some(0)...)
	columns := []Column{{"value", "double", "$.value", ""}, {"element", "varchar", "$.attribution.element", ""}, {"n", "bigint", "/n", ""}, {"b", "boolean", "$.value", ""}}
	h.reopen(Options{Columns: columns[:2]})
	h.putAndFlush(some(1000)...)
	columns[1].Path = "$.attribution.url" // another path under the same name
	h.reopen(Options{Columns: columns})
	h.putAndFlush(some(2000)...)
	const all = "select id, value, element, n, b from beacons order by id"
	types := []string{"value double", "element varchar", "n bigint", "b boolean"}
	db := h.engine()
	wantTypes(t, db, types...)
	before := query(t, db, all)
	if n := h.compactAll(time.Now()); n != 2 {
		t.Errorf("files that were rewritten: got %d, want 2", n)
	}
	db = h.engine()
	wantTypes(t, db, types...)
	if after := query(t, db, all); !reflect.DeepEqual(before, after) {
		for i := range before {
			if !slices.Equal(before[i], after[i]) {
				t.Fatalf("row %d: got %v, want %v", i, after[i], before[i])
			}
		}
	}
	if got := query(t, db, "select count(value), count(element), count(n) from beacons"); !reflect.DeepEqual(got, [][]string{{"180", "90", "90"}}) {
		t.Errorf("values: got %v, want 180, 90 and 90", got)
	}
}

// TestView_ColumnOfAStream_NullInOthers: the engine computes the column for a file without it, and the writer and the
// compaction compute it too.
func TestView_ColumnOfAStream_NullInOthers(t *testing.T) {
	h := newHarness(t, Options{})
	records := func(from int) (all []warc.Record) {
		for i, target := range []string{"/visits", "/other", "/visits?q=1", "/Visits"} {
			r := textRecord(from+i, "text/plain", `{"name":"a"}`)
			r.Request.Target = target
			all = append(all, r)
		}
		return all
	}
	check := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range query(t, h.engine(), "select name from beacons order by id") {
			got = append(got, r[0])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	h.putAndFlush(records(0)...)
	h.reopen(Options{Columns: []Column{{"name", "varchar", "$.name", "/visits"}}})
	check("file without the column", "a", "NULL", "a", "NULL")
	h.putAndFlush(records(10)...)
	check("files with and without it", "a", "NULL", "a", "NULL", "a", "NULL", "a", "NULL")
	h.compactAll(time.Now())
	check("rewritten files", "a", "NULL", "a", "NULL", "a", "NULL", "a", "NULL")
	h.reopen(Options{Columns: []Column{{"name", "varchar", "$.name", "/other"}}})
	check("another stream", "NULL", "a", "NULL", "NULL", "NULL", "a", "NULL", "NULL")
	h.compactAll(time.Now())
	check("another stream, rewritten files", "NULL", "a", "NULL", "NULL", "NULL", "a", "NULL", "NULL")
}

func TestView_Filters_AreInTheScan(t *testing.T) {
	h := newHarness(t, Options{})
	other := textRecord(3, "text/plain", "x")
	other.Request.Target = "/other"
	h.putAndFlush(webVital(1), webVital(5), other)
	h.reopen(Options{Columns: []Column{{"value", "double", "$.value", ""}}})
	h.putAndFlush(webVital(2), webVital(6), other)
	db := h.engine()
	// In each file some rows match and some do not: else the engine needs no filter.
	middle := base.Add(4 * time.Millisecond).Format("2006-01-02 15:04:05.000000")
	for condition, want := range map[string]string{
		"received_at > timestamptz '" + middle + "+00'": "received_at>'" + middle,
		"stream = '/x'": "stream='/x'",
		"id = '01000000-0000-7000-8000-000000000003'":              "id='01000000-0000-7000-8000-000000000003'",
		"received_at >= now() - interval 7 days and kind = 'text'": "kind='text'",
	} {
		plan := query(t, db, "explain select count(*) from beacons where "+condition)[0][1]
		scan := plan[strings.Index(plan, "READ_PARQUET"):]
		if strings.Contains(plan, " FILTER ") || !strings.Contains(scan, "Filters:") || !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(scan, "│", "")), ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s is not a filter of the scan:\n%s", condition, plan)
		}
	}
}

// TestView_LongAndBinaryValues_AreFound compares values that are longer than a file's bounds.
func TestView_LongAndBinaryValues_AreFound(t *testing.T) {
	h := newHarness(t, Options{})
	long := strings.Repeat("é", 500)
	for n, agent := range []string{long + "a", long + "b", "short", strings.Repeat("\U0010FFFF", 100)} {
		r := textRecord(n, "application/octet-stream", agent)
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "User-Agent", Value: agent})
		h.putAndFlush(r)
	}
	h.compactAll(time.Now().Add(50 * time.Hour))
	db := h.engine()
	for _, agent := range []string{long + "a", long + "b", "short", strings.Repeat("\U0010FFFF", 100)} {
		if got := query(t, db, fmt.Sprintf("select count(*) from beacons where user_agent = '%s' and body = encode('%[1]s')", agent))[0][0]; got != "1" {
			t.Errorf("rows with the user agent %.20q: got %s, want 1", agent, got)
		}
	}
	if got := query(t, db, "select min(user_agent), max(user_agent) from beacons")[0]; got[0] != "short" || got[1] != strings.Repeat("\U0010FFFF", 100) {
		t.Errorf("min and max: got %.20q and %.20q", got[0], got[1])
	}
}
