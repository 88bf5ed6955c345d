//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// odd are beacons with what a format could get wrong.
func odd() []warc.Record {
	records := []warc.Record{
		record(1, "application/json", "{\"b\": 1.00000000000000000001,\r\n \"a\":[ 1 ],\"a\":2,\"z\":\"\\u0000\\ud83d\\ude00</script>\"}"),
		record(2, "text/plain", "a,b\n\"c\"\r\n'd'\t\\x41 \u2028é"),
		record(3, "text/plain", "a\x00b"),
		record(4, "application/octet-stream", "\xff\x00\n\"\xfe"),
		record(5, "", ""),
		record(6, "application/json", "null"),
		record(7, "text/plain", `{"base64": "/wA="}`),
	}
	records[1].Request.Target = "/\"quoted\",%0A?a=\"b\""
	records[2].Date = records[2].Date.Truncate(1e9)
	records[3].Request.Header = append(records[3].Request.Header, warc.Field{Name: "Date", Value: "Sun, 22 Nov 2026 06:20:10 GMT"})
	return records
}

// export returns the path of a copy of the export.
func (b *bench) export(format Format) string {
	b.Helper()
	x, err := b.db.Export(b.Context(), format)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	content, err := io.ReadAll(x)
	if err != nil || int64(len(content)) != x.Size {
		b.Fatalf("%d bytes of %d: %v", len(content), x.Size, err)
	}
	path := filepath.Join(b.TempDir(), "beacons."+string(format))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// rows are what a query answers, each as a JSON object as `beacon query` prints it.
func (b *bench) rows(query string) (objects []map[string]any) {
	b.Helper()
	columns, rows := b.result(query)
	for _, values := range rows {
		o := map[string]any{}
		for i, name := range columns {
			o[name] = values[i]
		}
		objects = append(objects, o)
	}
	return objects
}

// object is a row as whoever reads its JSON sees it.
func object(t *testing.T, line []byte) string {
	var o map[string]any
	if err := json.Unmarshal(line, &o); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return fmt.Sprint(o)
}

func (b *bench) filled() *bench {
	b.drain()
	b.put(odd()...)
	b.caughtUp()
	return b
}

func TestAnExportAsJSONIsWhatAQueryAnswers(t *testing.T) {
	b := newBench(t).filled()
	text, err := os.ReadFile(b.export(JSON))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	rows := b.rows("from beacons")
	if len(lines) != len(rows) || len(rows) != len(odd()) {
		t.Fatalf("%d lines and %d rows of %d beacons:\n%s", len(lines), len(rows), len(odd()), text)
	}
	for i, row := range rows {
		want, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if got := object(t, []byte(lines[i])); got != object(t, want) {
			t.Errorf("row %d\ngot  %s\nwant %s", i+1, got, want)
		}
	}
	if !strings.Contains(string(text), `{"b": 1.00000000000000000001,   "a":[ 1 ],"a":2,`) {
		t.Errorf("the digits, the order or one of two equal names is lost: %s", text)
	}
}

func TestAnExportAsCSVIsWhatAQueryAnswers(t *testing.T) {
	b := newBench(t).filled()
	f, err := os.Open(b.export(CSV))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := b.rows("from beacons")
	if len(lines) != len(rows)+1 {
		t.Fatalf("%d lines of %d rows", len(lines), len(rows))
	}
	for i, row := range rows {
		for k, name := range lines[0] {
			got, want := lines[i+1][k], ""
			switch v := row[name].(type) {
			case nil:
			case json.RawMessage:
				want = string(v)
			default:
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if json.Unmarshal(text, &want) != nil {
					want = string(text)
				}
			}
			// Go's reader makes a line feed of CR LF in a value.
			if want = strings.ReplaceAll(want, "\r\n", "\n"); got != want {
				t.Errorf("row %d, %s\ngot  %q\nwant %q", i+1, name, got, want)
			}
		}
	}
}

func TestAnExportAsParquetIsTheTable(t *testing.T) {
	b := newBench(t).filled()
	path := b.export(Parquet)
	other, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`set TimeZone = 'UTC'; create view beacons as from '` + path + `'`); err != nil {
		t.Fatal(err)
	}
	const all = `select string_agg(to_json(b)::varchar || ' ' || hex(body) || ' ' || hex(encode(data::varchar)), ' | ' order by id), count(*) from beacons b`
	read := func(from interface {
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}) (rows string) {
		var n int
		if err := from.QueryRowContext(t.Context(), all).Scan(&rows, &n); err != nil || n != len(odd()) {
			t.Fatalf("%d rows: %v", n, err)
		}
		return rows
	}
	conn, err := b.db.conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, want := read(other), read(conn); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	types := func(from string) string {
		return "select string_agg(column_name || ' ' || column_type, ', ') from (describe from " + from + ")"
	}
	var got string
	if err := other.QueryRow(types("beacons")).Scan(&got); err != nil {
		t.Fatal(err)
	}
	b.want(types("beacons"), got)
}

func TestAnEmptyTableIsExported(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		format Format
		want   string
	}{{JSON, ""}, {CSV, "id,received_at,sent_at,stream,query,origin,referrer,user_agent,ip,content_type,kind,body,data,error,bot\n"}} {
		if text, err := os.ReadFile(b.export(c.format)); err != nil || string(text) != c.want {
			t.Errorf("%s: %q %v", c.format, text, err)
		}
	}
	if text, err := os.ReadFile(b.export(Parquet)); err != nil || len(text) < 12 || string(text[len(text)-4:]) != "PAR1" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := b.db.Export(t.Context(), "xlsx"); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

// inTemporary are the files in the engine's temporary folder.
func (b *bench) inTemporary() (names []string) {
	entries, err := os.ReadDir(b.db.temporary())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestNothingIsLeftOfAnExport(t *testing.T) {
	b := newBench(t).filled()
	b.export(CSV)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := b.db.Export(ended, CSV); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left := b.inTemporary(); left != nil {
		t.Errorf("%q is left", left)
	}
	x, err := b.db.Export(t.Context(), CSV)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	// As if it had been killed here.
	if left := b.inTemporary(); len(left) != 1 {
		t.Fatalf("%q is not one export", left)
	}
	b.closeDB()
	other, err := Open(b.db.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if left := b.inTemporary(); left != nil {
		t.Errorf("%q is left after a start", left)
	}
}

// An export is a file that the engine may read, and a query may not.
func TestAQueryReadsNoFiles(t *testing.T) {
	b := newBench(t).filled()
	x, err := b.db.Export(t.Context(), CSV)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	path := filepath.ToSlash(x.Name())
	named := filepath.ToSlash(filepath.Join(b.db.temporary(), "x.csv"))
	if err := os.WriteFile(named, []byte("secret\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{
		"read_csv('%s')", "read_csv_auto('%s')", "read_text('%s')", "read_blob('%s')", "read_json('%s', records = false)", "read_parquet('%s')",
		"parquet_schema('%s')", "parquet_full_metadata('%s')", "sniff_csv('%s')", "glob('%s')", "glob('%s*')", "'%s'",
		"query('from read_text(''%s'')')", "query_table('%s')", "read_duckdb('%s')",
	} {
		for _, file := range []string{path, named, filepath.ToSlash(b.db.path), filepath.ToSlash(b.db.temporary()) + "/../inbox/*", "/etc/passwd"} {
			for _, query := range []string{"from %s", "explain from %s", "explain (format json) select * from %s", "describe from %s", "summarize from %s", "select (select count(*) from %s)", "with x as materialized (from %s) from x"} {
				query = fmt.Sprintf(query, fmt.Sprintf(from, file))
				rows, err := b.db.Query(t.Context(), query)
				if err == nil {
					t.Errorf("%s is answered", query)
					rows.Close()
				} else if strings.Contains(err.Error(), "secret") {
					t.Errorf("%s: %v", query, err)
				}
			}
		}
	}
	for _, query := range []string{
		"copy beacons to '" + named + "'", "copy (select 1) to '" + named + "' (format parquet)", "copy beacons from '" + path + "'",
		"attach '" + named + "' as x", "import database '" + named + "'",
		"select * from (copy beacons to '" + named + "' (return_stats))",
	} {
		if rows, err := b.db.Query(t.Context(), query); err == nil {
			t.Errorf("%s is answered", query)
			rows.Close()
		}
	}
	if text, err := os.ReadFile(named); err != nil || string(text) != "secret\n1\n" {
		t.Errorf("a query changed a file: %q %v", text, err)
	}
}
